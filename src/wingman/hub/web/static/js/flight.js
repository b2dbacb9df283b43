// A flight's page while it flies: the server draws the part that changes and sends it whenever there is news.

const box = document.querySelector("[data-live]");
const status = document.querySelector("[data-live-status]");
const source = new EventSource(box.dataset.live);

source.addEventListener("part", (event) => {
  const log = box.querySelector(".log");
  const wasAtEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
  const top = log?.scrollTop ?? 0;
  const hadFocus = log !== null && document.activeElement === log;
  // Drawn by our own templates, where everything is escaped; a strict policy keeps scripts out besides.
  box.innerHTML = JSON.parse(event.data);
  // Only what is new of it is read out, not every step of the progress.
  const said = box.querySelector("[data-said]")?.dataset.said ?? "";
  if (status.textContent !== said) status.textContent = said;
  const fresh = box.querySelector(".log");
  if (fresh) {
    fresh.scrollTop = wasAtEnd ? fresh.scrollHeight : top;
    if (hadFocus) fresh.focus();
  }
});

source.addEventListener("end", () => {
  source.close();
  // The evaluation, the plots and the buttons belong to a flight that has ended.
  location.reload();
});
