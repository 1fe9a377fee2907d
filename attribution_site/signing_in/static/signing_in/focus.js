// Unfold hides a page until its scripts are there, and by then a browser may have given up on autofocus.
document.addEventListener("alpine:initialized", () => {
  setTimeout(() => {
    const field = document.querySelector("[autofocus]");
    if (field && document.activeElement === document.body) field.focus();
  });
});
