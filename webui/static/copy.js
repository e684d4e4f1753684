// Adds a button beside a short digest that copies the whole one. Without a script, the short digest unfolds.
"use strict";

document.querySelectorAll("[data-copy]").forEach((place) => {
  if (!navigator.clipboard) { return; }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-quiet btn-copy";
  button.textContent = "⧉";
  button.setAttribute("aria-label", place.dataset.copyName);
  button.title = place.dataset.copyName;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(place.dataset.copy);
    button.textContent = "✓";
    button.setAttribute("aria-label", place.dataset.copied);
    setTimeout(() => { button.textContent = "⧉"; button.setAttribute("aria-label", place.dataset.copyName); }, 2000);
  });
  place.append(button);
});
