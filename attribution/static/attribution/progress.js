// Keeps a progress bar up to date until the work is over, then lets the server draw what came of it.
document.addEventListener("DOMContentLoaded", () => {
  const EVERY = 1000;
  for (const box of document.querySelectorAll("[data-progress]")) {
    const one = (selector) => box.querySelector(selector);
    const show = (state) => {
      one("[data-percent]").textContent = state.percent.toFixed(1);
      one("[data-text]").textContent = state.text;
      one(".run-track > i").style.width = `${state.percent}%`;
      one(".run-track").setAttribute("aria-valuenow", Math.round(state.percent));
      if (state.over) window.location.reload();
    };
    const poll = async () => {
      let over = false;
      try {
        const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
        // Signed out meanwhile: the login page, not progress.
        if (answer.redirected) return window.location.reload();
        if (!answer.ok) throw new Error(answer.status);
        const state = await answer.json();
        over = state.over;
        show(state);
        one("[data-lost]").hidden = true;
      } catch {
        one("[data-lost]").hidden = false;
      }
      if (!over) setTimeout(poll, EVERY);
    };
    setTimeout(poll, EVERY);
  }
});
