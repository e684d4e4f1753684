// Shows how far a job in the background is. Without it the page reloads by itself every few seconds.
"use strict";

document.querySelectorAll("[data-progress]").forEach((place) => {
  const title = place.querySelector("[data-progress-title]");
  const text = place.querySelector("[data-progress-text]");
  const bar = place.querySelector("[data-progress-bar]");
  const PAUSE_MS = 1000;

  const look = async () => {
    try {
      const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
      if (!answer.ok) { throw new Error(String(answer.status)); }
      const now = await answer.json();
      if (!now.running) { window.location.reload(); return; }
      if (title.textContent !== now.title) { title.textContent = now.title; }
      if (text.textContent !== now.text) { text.textContent = now.text; }
      if (now.share > 0) { bar.value = now.share; }
    } catch {
      // the site does not answer now; the next look may find it again
    }
    window.setTimeout(look, PAUSE_MS);
  };
  window.setTimeout(look, PAUSE_MS);
});
