// The timeline of a journey: credit under another model, time drawn wider, the facts of the touch that is chosen.
(() => {
  const WIDEST = 16;

  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const factsOf = (touch, models) => {
    const title = element("h3", touch.title);
    title.append(element("small", touch.note));
    const list = element("dl");
    for (const [name, text, address] of touch.facts) {
      const about = element("div");
      const value = element("dd");
      value.append(address ? element("a", text, { href: address }) : text);
      about.append(element("dt", name), value);
      list.append(about);
    }
    const bars = element("div", undefined, { class: "tl-bars" });
    for (const [index, { label, payable }] of models.entries()) {
      const share = touch.shares[index];
      const name = element("span", label);
      if (payable) name.className = "tl-paying";
      bars.append(name, element("i", undefined, { style: `--part:${share.replace(" ", "")}` }), element("span", share));
    }
    return [title, list, bars];
  };

  const start = (page) => {
    const marks = [...page.querySelectorAll(".tl-mark")].sort((a, b) => a.dataset.number - b.dataset.number);
    if (!marks.length) return;
    const facts = JSON.parse(page.querySelector(":scope > script[type='application/json']").textContent);
    const panel = page.querySelector(".tl-facts");
    const scroll = page.querySelector(".tl-scroll");
    const track = page.querySelector(".tl-track");

    for (const mark of marks) mark.title = mark.getAttribute("aria-label");

    const choose = (mark, { focus = true } = {}) => {
      for (const each of marks) {
        each.tabIndex = each === mark ? 0 : -1;
        each.removeAttribute("aria-current");
      }
      mark.setAttribute("aria-current", "true");
      panel.replaceChildren(...factsOf(facts.touches[mark.dataset.number], facts.models));
      panel.hidden = false;
      if (focus) mark.focus({ preventScroll: true });
      const x = mark.offsetLeft;
      if (x < scroll.scrollLeft + 40 || x > scroll.scrollLeft + scroll.clientWidth - 40) {
        scroll.scrollLeft = x - scroll.clientWidth / 2;
      }
    };
    const move = (step) => {
      const at = marks.findIndex((mark) => mark.hasAttribute("aria-current"));
      choose(marks[Math.min(Math.max(at + step, 0), marks.length - 1)]);
    };
    // For keys of the whole page.
    page.addEventListener("timeline:move", (event) => move(event.detail));

    page.querySelector(".tl-lanes").addEventListener("click", (event) => {
      const mark = event.target.closest(".tl-mark");
      if (!mark || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      choose(mark);
    });
    page.querySelector(".tl-lanes").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -marks.length, End: marks.length }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      move(step);
    });

    const show = (model) => {
      for (const mark of marks) {
        mark.querySelector(".tl-credit").style.setProperty("--size", `${mark.dataset.sizes.split(" ")[model]}px`);
        const share = mark.querySelector("small");
        const part = mark.dataset.shares.split(" ")[model];
        if (share) share.textContent = part === "0" ? "" : `${part} %`;
      }
      for (const sum of page.querySelectorAll(".tl-sum")) sum.hidden = sum.dataset.model !== String(model);
      for (const strip of page.querySelectorAll(".tl-strip")) {
        [...strip.children].forEach((bar, index) => bar.classList.toggle("tl-on", index === model));
      }
    };
    page.querySelector(".tl-models")?.addEventListener("change", (event) => show(Number(event.target.value)));
    if (page.querySelector(".tl-models")) show(0);

    const zoom = page.querySelector(".tl-zoom");
    const [out, into] = zoom.children;
    let wide = 1;
    const widen = (by) => {
      const chosen = marks.find((mark) => mark.hasAttribute("aria-current")) ?? marks.at(-1);
      wide = Math.min(Math.max(by > 0 ? wide * 2 : wide / 2, 1), WIDEST);
      track.style.setProperty("--zoom", wide);
      scroll.scrollLeft = chosen.offsetLeft - scroll.clientWidth / 2;
      out.disabled = wide === 1;
      into.disabled = wide === WIDEST;
    };
    zoom.addEventListener("click", (event) => {
      const button = event.target.closest("[data-zoom]");
      if (button) widen(Number(button.dataset.zoom));
    });
    zoom.hidden = false;
    out.disabled = true;
    const first = marks.find((mark) => mark.dataset.number === page.dataset.marked) ?? marks.at(-1);
    choose(first, { focus: false });
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-timeline]").forEach(start));
})();
