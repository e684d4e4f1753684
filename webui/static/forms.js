// One click sends a form once; the site makes two clicks one in any case. Coming back to the page frees its buttons.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) { return; }
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
