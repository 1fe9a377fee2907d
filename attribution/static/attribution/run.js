// Keeps the page of a run up to date until the run is over.
document.addEventListener("DOMContentLoaded", () => {
  const page = document.getElementById("run");
  if (!page) return;
  const EVERY = 1000;
  const number = new Intl.NumberFormat("en-US");
  const one = (selector) => page.querySelector(selector);
  let leaving = false;
  // Cancelling loads the page anew by itself; a reload meanwhile would break that off.
  page.addEventListener("submit", () => { leaving = true; });
  const first = JSON.parse(document.getElementById("run-progress").textContent);

  const duration = (seconds) => {
    if (seconds < 60) return `${Math.round(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
    return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  };

  const pace = (run) => {
    if (!run.counts.conversions_done) return run.over ? "" : "waiting for a worker";
    const parts = [`${number.format(run.rate)} conversions/s`];
    if (run.seconds_left !== null) parts.push(`about ${duration(run.seconds_left)} left`);
    if (run.over) parts.push(`took ${duration(run.seconds)}`);
    return parts.join(" · ");
  };

  const showShards = (states) => {
    const grid = one("[data-shards]");
    if (grid.children.length !== states.length) {
      grid.replaceChildren(...states.map(() => document.createElement("i")));
    }
    states.forEach((state, index) => {
      const square = grid.children[index];
      if (square.className === `shard-${state}`) return;
      square.className = `shard-${state}`;
      square.title = `Shard ${index}: ${state}`;
    });
  };

  const show = (run) => {
    page.dataset.status = run.status;
    one("[data-show=percent]").textContent = run.percent.toFixed(1);
    one("[data-show=status_text]").textContent = run.status_text;
    one(".run-track > i").style.width = `${run.percent}%`;
    one(".run-track").setAttribute("aria-valuenow", Math.round(run.percent));
    for (const [name, count] of Object.entries(run.counts)) {
      const place = one(`[data-count=${name}]`);
      if (place) place.textContent = number.format(count);
    }
    one("[data-pace]").textContent = pace(run);
    one("[data-show=errors]").textContent = run.errors.join(" · ");
    one("[data-show=errors]").hidden = !run.errors.length;
    showShards(run.shards);
    if (!run.over) return;
    page.dataset.over = "yes";
    // Findings and the times of the run are drawn by the server.
    if (!first.over && !leaving) window.location.reload();
  };

  const poll = async () => {
    try {
      const answer = await fetch(page.dataset.url, { headers: { Accept: "application/json" } });
      // Signed out meanwhile: the login page, not progress.
      if (answer.redirected) return window.location.reload();
      if (!answer.ok) throw new Error(answer.status);
      const run = await answer.json();
      one("[data-lost]").hidden = true;
      show(run);
      if (run.over) return;
    } catch {
      one("[data-lost]").hidden = false;
    }
    setTimeout(poll, EVERY);
  };

  show(first);
  if (!first.over) setTimeout(poll, EVERY);
});
