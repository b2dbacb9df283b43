// Dropping files and folders, and how far an upload is. Without scripts the same form uploads what was chosen.

const form = document.querySelector("[data-upload]");
const drop = form.querySelector("[data-drop]");
const input = form.querySelector("input[type=file]");
const list = form.querySelector("[data-upload-list]");
const button = form.querySelector("button.primary");
const MAX_FILES = 1000;
const chosen = new Map();

const sizeText = (bytes) => {
  let amount = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (amount < 999.5 || unit === "GB") return `${unit === "B" || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${unit}`;
    amount /= 1000;
  }
};

const make = (name, className, text = "") => {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
};

function draw() {
  input.required = chosen.size === 0;
  // What the field itself still holds would be sent by a form without scripts.
  if (!chosen.size) input.value = "";
  const rows = [...chosen].slice(0, 200).map(([path, file]) => {
    const row = make("div", "row small");
    const remove = make("button", "button plain small row-end", "Leave out");
    remove.type = "button";
    remove.setAttribute("aria-label", `Leave out ${path}`);
    remove.addEventListener("click", () => {
      chosen.delete(path);
      draw();
      input.focus();
    });
    row.append(make("span", "mono break", path), make("span", "quiet figures", sizeText(file.size)), remove);
    return row;
  });
  if (chosen.size > rows.length) rows.push(make("p", "small quiet", `and ${chosen.size - rows.length} more`));
  if (chosen.size > MAX_FILES) rows.push(problem(`${chosen.size} files are too many for one commit in the browser; ${MAX_FILES} fit. Leave some out, or use: hf upload`));
  list.replaceChildren(...rows);
}

function problem(text) {
  const notice = make("div", "notice bad", text);
  notice.setAttribute("role", "alert");
  return notice;
}

function add(files) {
  for (const [path, file] of files) chosen.set(path, file);
  draw();
}

input.addEventListener("change", () => {
  add([...input.files].map((file) => [file.webkitRelativePath || file.name, file]));
});

// --- dropping ---

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? await Promise.all(entries.map(filesOf)) : [[...event.dataTransfer.files].map((file) => [file.name, file])];
  add(found.flat());
});

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [[entry.fullPath.replace(/^\//, ""), file]];
  }
  const reader = entry.createReader();
  const children = [];
  // A reader hands out a hundred entries at a time, and none at the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    children.push(...some);
  }
  return (await Promise.all(children.map(filesOf))).flat();
}

// --- sending ---

form.addEventListener("submit", (event) => {
  if (!chosen.size) return;
  event.preventDefault();
  const body = new FormData(form);
  body.delete("files");
  for (const [path, file] of chosen) body.append("files", file, path);
  const bar = make("progress");
  bar.setAttribute("aria-label", "Uploaded");
  const said = make("span", "small figures", "Uploading");
  const stop = make("button", "button small", "Stop");
  stop.type = "button";
  const row = make("div", "row");
  row.append(bar, said, stop);
  list.replaceChildren(row);
  button.disabled = true;
  const request = new XMLHttpRequest();
  const leaving = (leave) => leave.preventDefault();
  const fail = (text) => {
    button.disabled = false;
    removeEventListener("beforeunload", leaving);
    draw();
    list.prepend(problem(text));
  };
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.max = total;
    bar.value = loaded;
    said.textContent = loaded < total ? `${sizeText(loaded)} of ${sizeText(total)}` : "Arrived; being committed";
  });
  request.addEventListener("load", () => {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // Not from the Hub itself: a proxy's page. The status below says what is known.
    }
    if (request.status === 200 && answer.href) {
      removeEventListener("beforeunload", leaving);
      location.href = answer.href;
    } else fail(answer.error || `The upload was refused (status ${request.status}). Nothing was committed.`);
  });
  request.addEventListener("error", () => fail("The connection broke. Nothing was committed; try again."));
  request.addEventListener("abort", () => fail("Stopped. Nothing was committed."));
  stop.addEventListener("click", () => request.abort());
  addEventListener("beforeunload", leaving);
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.send(body);
});
