// Adds a button beside a short digest that copies the whole one. Without a script, the short digest unfolds.
"use strict";

// Two sheets and a tick, drawn here: not every machine has a font with these signs.
const SHEETS = "M3 1h7v2H5v8H3zM6 4h7v11H6zm1.5 1.5v8h4v-8z";
const TICK = "M2 8.5 3.5 7l3 3 6-6L14 5.5l-7.5 7.5z";

function sign(path) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  line.setAttribute("fill-rule", "evenodd");
  picture.append(line);
  return picture;
}

document.querySelectorAll("[data-copy]").forEach((place) => {
  if (!navigator.clipboard) { return; }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-quiet btn-copy";
  button.replaceChildren(sign(SHEETS));
  button.setAttribute("aria-label", place.dataset.copyName);
  button.title = place.dataset.copyName;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(place.dataset.copy);
    button.replaceChildren(sign(TICK));
    button.setAttribute("aria-label", place.dataset.copied);
    setTimeout(() => { button.replaceChildren(sign(SHEETS)); button.setAttribute("aria-label", place.dataset.copyName); }, 2000);
  });
  place.append(button);
});
