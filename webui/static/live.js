// Replaces a part of the page when the server sends an event about it, or loads the page again when the whole of it
// changed (data-live-end). Without this script there is a link to refresh.
"use strict";

document.querySelectorAll("[data-live]").forEach((part) => {
  const word = document.querySelector("[data-live-word]");
  const source = new EventSource(part.dataset.live);
  source.addEventListener("message", (event) => {
    if (event.data.includes("data-live-end")) { window.location.reload(); return; }
    part.innerHTML = event.data;
    word.textContent = "";
    window.setTimeout(() => { word.textContent = word.dataset.liveWord; }, 100);
  });
  window.addEventListener("pagehide", () => { source.close(); });
});
