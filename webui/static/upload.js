// Previews the chosen picture and reports a file that is too large. The server checks everything again.
"use strict";

document.querySelectorAll("[data-drop]").forEach((drop) => {
  const input = drop.querySelector("input[type=file]");
  const preview = drop.querySelector("[data-preview]");
  const icon = drop.querySelector("[data-drop-icon]");
  const error = drop.querySelector("[data-drop-error]");

  const show = () => {
    const file = input.files[0];
    const tooLarge = Array.from(input.files).some((each) => each.size > Number(input.dataset.cap));
    input.classList.toggle("is-invalid", tooLarge);
    error.textContent = tooLarge ? error.dataset.tooLarge : "";
    const picture = file !== undefined && !tooLarge && file.type.startsWith("image/");
    if (preview.src) { URL.revokeObjectURL(preview.src); }
    if (picture) { preview.src = URL.createObjectURL(file); } else { preview.removeAttribute("src"); }
    preview.hidden = !picture;
    icon.hidden = picture;
  };

  preview.addEventListener("error", () => { preview.hidden = true; icon.hidden = false; });
  input.addEventListener("change", show);
  ["dragover", "dragleave", "drop"].forEach((name) => {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("drop-over", name === "dragover");
    });
  });
  drop.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length > 0) { input.files = event.dataTransfer.files; show(); }
  });
});

document.querySelectorAll("form[data-upload]").forEach((form) => {
  form.addEventListener("submit", (event) => {
    const input = form.querySelector("input[type=file]");
    if (input.classList.contains("is-invalid") && Array.from(input.files).some((each) => each.size > Number(input.dataset.cap))) {
      event.preventDefault();
      input.focus();
      return;
    }
    form.querySelector("[type=submit]").setAttribute("aria-busy", "true");
  });
});
