// Sends a form only once, even after two clicks. When somebody returns to the page, its buttons work again.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.hasAttribute("data-again")) { return; } // a download leaves the page as it is
  if (form.dataset.sent === "yes") { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  form.querySelectorAll("[type=submit]").forEach((button) => { button.setAttribute("aria-disabled", "true"); });
});

window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("[type=submit]").forEach((button) => { button.removeAttribute("aria-disabled"); });
  });
});
