// The try-it box: asks the model without leaving the page, and draws the labels with bars.

const box = document.querySelector("[data-try]");
const form = box.querySelector("form");
const status = box.querySelector("[data-try-status]");
const answer = box.querySelector("[data-try-answer]");
const button = form.querySelector("button");
const MAX_TRIES = 60;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  answer.replaceChildren();
  try {
    await ask(form.elements.inputs.value);
  } catch (error) {
    say(error.message || "The Hub did not answer. Is it still running?");
  } finally {
    button.disabled = false;
    status.textContent = "";
  }
});

async function ask(inputs) {
  const started = performance.now();
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    status.textContent = attempt ? "The model is being loaded…" : "Asking…";
    const token = document.querySelector('meta[name="csrf"]')?.content;
    const response = await fetch(box.dataset.try, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { "X-CSRF-Token": token } : {}) },
      body: JSON.stringify({ inputs, parameters: { top_k: 10 } }),
    });
    const said = await response.json();
    if (response.status === 503 && response.headers.has("Retry-After")) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(5, Number(response.headers.get("Retry-After")) || 1)));
      continue;
    }
    if (!response.ok) throw new Error(said.error || `The model answered with status ${response.status}.`);
    draw(Array.isArray(said[0]) ? said[0] : said, performance.now() - started);
    return;
  }
  throw new Error("The model is still being loaded. Try again in a minute.");
}

function draw(rows, milliseconds) {
  const bars = document.createElement("div");
  bars.className = "bars";
  for (const { label, score } of rows) {
    const name = document.createElement("span");
    name.className = "break";
    name.textContent = label;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = score;
    bar.setAttribute("aria-label", label);
    const share = document.createElement("span");
    share.className = "figures";
    share.textContent = `${(100 * score).toFixed(1)} %`;
    bars.append(name, bar, share);
  }
  const time = document.createElement("p");
  time.className = "hint";
  time.textContent = `${milliseconds.toFixed(0)} ms`;
  answer.replaceChildren(bars, time);
}

function say(text) {
  const notice = document.createElement("div");
  notice.className = "notice warn";
  notice.textContent = text;
  answer.replaceChildren(notice);
}
