// What every page gains from scripts: copying, the jump dialog, search as one types, the theme without a reload.
// Everything here is a convenience; the pages work without it.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function toast(text) {
  const element = document.createElement("div");
  element.className = "toast";
  element.textContent = text;
  $(".toasts").append(element);
  setTimeout(() => element.remove(), 3500);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers offer the clipboard only to https and localhost; a selection can be copied anywhere.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "out-of-sight";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast("Copied");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text], [data-toast], [data-open-jump]");
  if (button?.matches("[data-copy]")) copy($("code", button.parentElement).textContent);
  else if (button?.matches("[data-copy-text]")) copy(button.dataset.copyText);
  else if (button?.matches("[data-toast]")) toast(button.dataset.toast);
  else if (button?.matches("[data-open-jump]")) openJump();
  for (const menu of $$(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of $$(".menu[open]")) {
      menu.open = false;
      $("summary", menu).focus();
    }
  }
  const isTyping = event.target.matches?.("input, textarea, select, [contenteditable]");
  const isJump = (event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey);
  if (isJump) {
    event.preventDefault();
    openJump();
  }
});

// --- jump to anything ---

function openJump(text = "") {
  let dialog = $("dialog.jump");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "dialog jump";
    dialog.setAttribute("aria-label", "Jump to anything");
    dialog.innerHTML = '<input type="search" role="combobox" aria-expanded="true" aria-controls="jump-list" aria-label="Name or words" placeholder="Jump to a model, dataset, Space or page" autocomplete="off"><ul id="jump-list" role="listbox" aria-label="Places"></ul>';
    document.body.append(dialog);
    wireJump(dialog);
  }
  const input = $("input", dialog);
  if (!dialog.open) dialog.showModal();
  input.value = text;
  input.dispatchEvent(new Event("input"));
  input.focus();
}

const PLACES = [["Models", "/models"], ["Datasets", "/datasets"], ["Spaces", "/spaces"], ["Flights", "/flights"], ["Handbook", "/docs"], ["Access tokens", "/settings/tokens"], ["New dataset", "/new?kind=dataset"], ["New model", "/new?kind=model"]];

function wireJump(dialog) {
  const input = $("input", dialog);
  const list = $("ul", dialog);
  let asked = 0;
  const choose = (index) => {
    const items = $$("a", list);
    items.forEach((item, number) => item.setAttribute("aria-selected", String(number === index)));
    const item = items[index];
    item?.scrollIntoView({ block: "nearest" });
    if (item) input.setAttribute("aria-activedescendant", item.id);
    else input.removeAttribute("aria-activedescendant");
  };
  const draw = (answers) => {
    list.replaceChildren(...answers.map(({ kind, name, href }, number) => {
      const link = document.createElement("a");
      link.href = href;
      link.id = `jump-${number}`;
      link.role = "option";
      link.textContent = name;
      const said = document.createElement("span");
      said.className = "kind";
      said.textContent = kind;
      link.append(said);
      const item = document.createElement("li");
      item.role = "presentation";
      item.append(link);
      return item;
    }));
    choose(answers.length ? 0 : -1);
  };
  const update = async () => {
    const words = input.value.trim();
    const mine = ++asked;
    const places = PLACES.filter(([name]) => name.toLowerCase().includes(words.toLowerCase())).map(([name, href]) => ({ kind: "page", name, href }));
    if (!words) return draw(places);
    try {
      const response = await fetch(`/search/jump.json?q=${encodeURIComponent(words)}`);
      const answers = await response.json();
      if (mine === asked) draw([...answers, ...places, { kind: "search", name: `Search everything for “${words}”`, href: `/search?q=${encodeURIComponent(words)}` }]);
    } catch {
      if (mine === asked) draw(places);
    }
  };
  let waiting;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, input.value ? 90 : 0);
  });
  input.addEventListener("keydown", (event) => {
    const items = $$("a", list);
    const current = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose(Math.min(current + 1, items.length - 1));
    else if (event.key === "ArrowUp") choose(Math.max(current - 1, 0));
    else if (event.key === "Enter" && items[current]) location.href = items[current].href;
    else if (event.key === "Escape") dialog.close(); // a search field would only empty itself
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

const topSearch = $("[data-jump]");
topSearch?.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  openJump();
});

// --- the find pages: results while one types, the state always in the address ---

const find = $("[data-find]");
if (find) {
  let waiting;
  let asked = 0;
  const load = async (address, push) => {
    const mine = ++asked;
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    const text = await response.text();
    if (mine !== asked || !response.ok) return;
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-find]");
    if (!fresh) return;
    const input = $("#find-q", find);
    const hadFocus = document.activeElement === input;
    const at = input.selectionStart;
    const typed = input.value;
    const isCounting = $("[data-counting]", fresh);
    if (isCounting) {
      // Until the new facets are counted, the ones of before stay.
      const facets = $(".facets", find);
      if (facets) $(".facets", fresh)?.replaceWith(facets);
      setTimeout(() => mine === asked && load(address, push), 600);
    }
    find.replaceChildren(...fresh.childNodes);
    const next = $("#find-q", find);
    if (hadFocus) {
      next.value = typed;
      next.focus();
      next.setSelectionRange(at, at);
    }
    if (push) history.replaceState(null, "", address);
  };
  if ($("[data-counting]", find)) setTimeout(() => asked || load(location.pathname + location.search, false), 600);
  const address = () => {
    const form = $("[data-find-form]", find);
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    if (query.get("sort") === "trendingScore") query.delete("sort");
    return form.getAttribute("action") + (query.size ? `?${query}` : "");
  };
  find.addEventListener("input", (event) => {
    if (event.target.id !== "find-q") return;
    clearTimeout(waiting);
    waiting = setTimeout(() => load(address(), true), 150);
  });
  find.addEventListener("change", (event) => {
    if (event.target.id === "find-sort") load(address(), true);
  });
}

// --- what the server is still working on: asked for again, in a box that keeps its size ---

const LATER_TRIES = 8;
async function askLater(attempt = 0) {
  const waiting = $("[data-later]");
  if (!waiting || attempt >= LATER_TRIES) return;
  await new Promise((resolve) => setTimeout(resolve, 500 * 1.6 ** attempt));
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector(".rows-box");
    if (response.ok && fresh && !fresh.matches("[data-later]")) return waiting.replaceWith(fresh);
  } catch {
    // The Hub may be away for a moment; the link in the box leads to the rows.
  }
  askLater(attempt + 1);
}
askLater();

// --- light or dark without a reload ---

const themes = $("[data-theme-form]");
themes?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const theme = event.submitter.value;
  const body = new URLSearchParams({ theme, next: "/docs/design" });
  await fetch("/theme", { method: "POST", body, redirect: "manual" });
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme;
  themes.closest(".menu").open = false;
});
