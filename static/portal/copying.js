// Copies the text of a field. Without a clipboard, as on a page of plain http, the text is selected instead.
for (const part of document.querySelectorAll("[data-copy]")) {
  const field = part.querySelector("textarea");
  const button = part.querySelector("[data-copy-button]");
  button.addEventListener("click", async function () {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = button.dataset.copied;
    } catch {
      button.textContent = button.dataset.copyFailed;
    }
  });
}
