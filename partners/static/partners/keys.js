// The page that shows a new key, once.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-new-key]");
  if (!box) return;
  // Reloading shows the key's own page, and makes no second key.
  history.replaceState(null, "", box.dataset.page);
  const button = box.querySelector("button");
  button.addEventListener("click", async () => {
    const text = box.querySelector("code");
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard without https: the key is marked, for the keyboard to copy.
      getSelection().selectAllChildren(text);
    }
  });
});
