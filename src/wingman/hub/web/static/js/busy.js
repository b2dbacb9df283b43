// A form whose answer takes a while says so, and is not sent twice.

for (const form of document.querySelectorAll("[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    form.querySelector("[data-busy-status]").textContent = form.dataset.busy;
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[aria-busy]")) form.removeAttribute("aria-busy");
});
