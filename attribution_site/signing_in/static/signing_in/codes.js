// Taking the recovery codes away: to the clipboard or to paper. Downloading is a plain link.
const told = document.querySelector("[data-told]");
const codes = [...document.querySelectorAll("[data-codes] code")].map((code) => code.textContent).join("\n");

document.querySelector("[data-copy]").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(codes);
    told.textContent = "Copied.";
  } catch {
    told.textContent = "The browser does not let the page copy. Download or print them.";
  }
});
document.querySelector("[data-print]").addEventListener("click", () => window.print());
