// The page of a dispute: talking, trying and deciding without loading it anew, and its keys. Whatever it does, the forms
// and links that it takes over do as well without it.
(() => {
  const WAIT = 350; // milliseconds after the last key before a decision is tried
  const AS_SCRIPT = { "X-Requested-With": "fetch" };

  document.addEventListener("DOMContentLoaded", () => {
    const page = document.querySelector("[data-case]");
    if (!page) return;
    const box = page.querySelector("[data-dialog-box]");
    const help = page.querySelector("[data-help]");
    const one = (selector, within = page) => within.querySelector(selector);
    const all = (selector, within = page) => [...within.querySelectorAll(selector)];

    // What somebody has typed outlives a lost connection, a refusal and a page that is loaded anew.
    const place = (field) => `case ${page.dataset.case} ${field.form?.getAttribute("action")} ${field.name}`;
    const recall = (within = page) => all("textarea", within).forEach((field) => {
      if (!field.value) field.value = sessionStorage.getItem(place(field)) ?? "";
    });
    const forget = (form) => all("textarea", form).forEach((field) => sessionStorage.removeItem(place(field)));
    page.addEventListener("input", (event) => {
      if (event.target.matches("textarea")) sessionStorage.setItem(place(event.target), event.target.value);
    });

    let fading;
    const tell = (text) => {
      const toast = one("[data-toast]");
      if (!toast) return;
      toast.textContent = text;
      clearTimeout(fading);
      fading = setTimeout(() => { toast.textContent = ""; }, 6000);
    };

    const send = async (address, options = {}) => {
      const answer = await fetch(address, { ...options, headers: AS_SCRIPT });
      if (answer.redirected) throw new Error("You are signed out. Sign in in another tab, then send it again.");
      if (answer.status === 403) throw new Error("You may not do this, or your session ended. Load the page anew.");
      if (answer.status >= 500) throw new Error("Something went wrong on the server. Nothing is lost: try again.");
      return answer;
    };
    const isJson = (answer) => (answer.headers.get("Content-Type") ?? "").includes("json");
    const inWords = (error) => (error instanceof TypeError ? "No connection. Nothing is lost: try again." : error.message);

    // Parts of the page that an answer brings anew take the place of the old ones.
    const replaceParts = (html) => {
      const brought = new DOMParser().parseFromString(html, "text/html");
      for (const id of ["case-head", "conversation", "history"]) {
        const [old, fresh] = [document.getElementById(id), brought.getElementById(id)];
        if (old && fresh) old.replaceWith(document.adoptNode(fresh));
      }
      ready();
    };

    const refuse = (form, { errors, is_over: isOver }) => {
      const texts = Object.values(errors).flat().map((error) => (typeof error === "string" ? error : error.message));
      const error = one("[data-error]", form);
      error.textContent = texts.join(" ");
      if (!isOver) return;
      const link = document.createElement("a");
      link.href = location.pathname;
      link.className = "row-link";
      link.dataset.newState = "";
      link.textContent = " Show the new state";
      error.append(link);
    };

    // Whoever clicks twice sends once.
    const once = async (form, work) => {
      if (form.dataset.busy) return;
      form.dataset.busy = "yes";
      const buttons = all("button", form).filter((button) => !button.disabled);
      buttons.forEach((button) => { button.disabled = true; });
      try {
        await work();
      } finally {
        delete form.dataset.busy;
        buttons.forEach((button) => { button.disabled = false; });
      }
    };

    const say = async (form) => {
      const filter = one("[data-thread][aria-pressed='true']")?.dataset.thread ?? "";
      try {
        const answer = await send(form.action, { method: "POST", body: new FormData(form) });
        if (isJson(answer)) return refuse(form, await answer.json());
        forget(form);
        form.elements.body.value = "";
        replaceParts(await answer.text());
        showThread(filter);
        tell("Sent.");
        one("#case-body")?.focus();
      } catch (error) {
        one("[data-error]", form).textContent = inWords(error);
      }
    };

    const upload = async (form) => {
      try {
        const answer = await send(form.action, { method: "POST", body: new FormData(form) });
        const told = await answer.json();
        if (told.location) return goTo(told.location);
        refuse(form, told);
      } catch (error) {
        one("[data-error]", form).textContent = inWords(error);
      }
    };

    const goTo = (address) => {
      const [path] = address.split("#");
      if (path === location.pathname) {
        history.replaceState(null, "", address);
        location.reload();
      } else location.assign(address);
    };

    // Windows that say what will happen.
    const open = (html) => {
      box.innerHTML = html; // rendered by our own server, which escapes what people wrote
      recall(box);
      if (!box.open) box.showModal();
      (one("[aria-invalid], textarea, select, input:not([type=hidden])", box) ?? one("button", box))?.focus();
    };
    const ask = async (address, options) => {
      try {
        const answer = await send(address, options);
        if (isJson(answer)) {
          forget(box);
          return goTo((await answer.json()).location);
        }
        open(await answer.text());
      } catch (error) {
        if (box.open) {
          const told = document.createElement("p");
          told.className = "case-error";
          told.setAttribute("role", "alert");
          told.textContent = inWords(error);
          box.append(told);
        } else tell(inWords(error));
      }
    };

    // The conversation.
    const EFFECTS = {
      message: "Only this party reads it.",
      question: "The claimant is asked, and the clock stands still until the answer.",
      answer: "What the claimant answered by another way; the clock goes on.",
      note: "Only the house reads it.",
    };
    const kind = (form) => form.elements.kind.value;
    const showKind = () => {
      const form = one("#say");
      if (!form) return;
      one("[data-to]", form).hidden = kind(form) !== "message";
      one("[data-effect]", form).textContent = EFFECTS[kind(form)];
      form.elements.body.placeholder = { note: "Write a note for the house…", question: "Ask the claimant…", answer: "What did the claimant answer?" }[kind(form)] ?? "Write a message…";
    };
    const startSaying = (value) => {
      const form = one("#say");
      const radio = form && one(`[name=kind][value=${value}]`, form);
      if (!radio) return;
      radio.checked = true;
      showKind();
      form.elements.body.focus();
      form.scrollIntoView({ block: "nearest" });
    };
    const showThread = (key) => {
      all("[data-thread]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.thread === key)));
      all(".case-message").forEach((message) => { message.hidden = Boolean(key) && message.dataset.of !== key; });
      const to = one("#say [name=to]");
      if (to && [...to.options].some((option) => option.value === key)) to.value = key;
      const list = one(".case-messages");
      if (list) list.scrollTop = list.scrollHeight;
    };

    // A decision of one's own.
    let waiting, trial = 0;
    const showWay = (form) => {
      const way = form.elements.way.value;
      all("[data-for]", form).forEach((part) => { part.hidden = !part.dataset.for.split(" ").includes(way); });
    };
    const showSum = (form) => {
      const fields = all(".case-share", form);
      const spread = form.elements.spread.checked;
      const number = (text) => Number(text.replace(",", "."));
      const given = fields.filter((field) => field.value.trim()).reduce((sum, field) => sum + number(field.value), 0);
      const kept = fields.filter((field) => !field.value.trim()).reduce((sum, field) => sum + number(field.dataset.now), 0);
      const sum = Math.round((spread ? given : given + kept) * 1e6) / 1e6;
      const output = one("[data-sum]", form);
      const isOff = Number.isNaN(sum) || sum > 100 || (!spread && sum !== 100);
      output.classList.toggle("case-off", isOff);
      output.textContent = Number.isNaN(sum) ? "Give numbers" : spread ? `${sum} % set, ${Math.max(100 - sum, 0).toFixed(2)} % for the others` : `Together ${sum} %`;
    };
    const tryOut = async (form) => {
      const mine = ++trial;
      const body = new FormData(form);
      body.set("step", "try");
      try {
        const answer = await send(form.action, { method: "POST", body });
        const html = await answer.text();
        if (mine !== trial) return;
        one("[data-tried]", form).innerHTML = html; // as above
        const wrong = all("[data-field]", form).map((error) => error.dataset.field);
        for (const field of form.elements) {
          if (wrong.includes(field.name)) field.setAttribute("aria-invalid", "true");
          else if (field.removeAttribute) field.removeAttribute("aria-invalid");
        }
      } catch (error) {
        if (mine === trial) one("[data-tried]", form).textContent = inWords(error);
      }
    };
    const search = async (text) => {
      const list = one("#case-payees");
      const answer = await send(`${list.dataset.payees}?${new URLSearchParams({ q: text.replace(/^(partner|broker):/, "") })}`);
      const { payees } = await answer.json();
      list.replaceChildren(...payees.map(({ value, label }) => Object.assign(document.createElement("option"), { value, label })));
    };
    // A journey has more rows than a request may have fields: those that were filled in go as one.
    const together = (body, form) => {
      all("[data-share]", form).forEach((field) => { if (field.name) body.delete(field.name); });
      const rows = all(".case-shares tbody tr", form).map((row, place) => [place, ...["touch", "payee", "percentage"].map((name) => one(`[data-share=${name}]`, row).value.trim())]);
      const given = rows.filter((row) => row[3]);
      if (given.length) body.set("shares", JSON.stringify(given));
    };
    const own = (form) => {
      form.addEventListener("formdata", (event) => together(event.formData, form));
      showWay(form);
      showSum(form);
      one("[data-try]", form).hidden = true;
      form.addEventListener("input", (event) => {
        showWay(form);
        showSum(form);
        // Nobody has chosen a touch or a time yet: that is no mistake.
        if (event.target.name === "way") one("[data-tried]", form).replaceChildren();
        if (event.target.getAttribute("list") === "case-payees") search(event.target.value).catch(() => {});
        clearTimeout(waiting);
        waiting = setTimeout(() => tryOut(form), WAIT);
      });
      form.closest("details").addEventListener("toggle", () => {
        search("").catch(() => {});
        if (form.elements.touchpoint_id.value) tryOut(form);
      });
    };

    const load = async () => {
      const simulator = one("[data-load]");
      if (!simulator) return;
      try {
        const answer = await send(simulator.dataset.load);
        simulator.innerHTML = await answer.text(); // as above
        const form = one("[data-own]", simulator);
        if (form) own(form);
        recall(simulator);
      } catch (error) {
        one("[data-loading]", simulator)?.append(` ${inWords(error)}`);
      }
    };

    page.addEventListener("submit", (event) => {
      const form = event.target;
      if (form.method === "dialog") return;
      if (form.dataset.once !== undefined) {
        if (form.dataset.busy) event.preventDefault();
        form.dataset.busy = "yes";
        return;
      }
      if (form.dataset.send === undefined && form.dataset.confirm === undefined) return;
      if (!box && form.dataset.send === "dialog") return; // a page of its own
      event.preventDefault();
      if (form.dataset.send === "say") once(form, () => say(form));
      else if (form.dataset.send === "upload") once(form, () => upload(form));
      else {
        const body = new FormData(form, event.submitter?.name ? event.submitter : null);
        once(form, () => (event.submitter?.dataset.try === undefined ? ask(form.action, { method: "POST", body }) : tryOut(form)));
      }
    });

    page.addEventListener("click", (event) => {
      const target = event.target.closest("[data-dialog], [data-say], [data-jump], [data-close], [data-thread], [data-open-help], [data-new-state]");
      if (!target || event.ctrlKey || event.metaKey) return;
      const { dataset } = target;
      if (dataset.close !== undefined && !box) return;
      if (dataset.newState !== undefined) {
        // Decided by somebody else meanwhile: what was written for it is not lost, it waits in the box below.
        const [written, body] = [box && one("textarea", box)?.value, one("#say [name=body]")];
        if (written && body && !body.value) sessionStorage.setItem(place(body), written);
        return;
      }
      event.preventDefault();
      if (dataset.close !== undefined) box.close();
      else if (dataset.openHelp !== undefined) help.showModal();
      else if (dataset.thread !== undefined) showThread(dataset.thread);
      else if (dataset.say !== undefined) startSaying(dataset.say);
      else if (dataset.jump !== undefined) jump();
      else if (box) ask(target.href);
    });
    page.addEventListener("change", (event) => { if (event.target.name === "kind") showKind(); });

    const jump = () => {
      const simulator = one("#simulator");
      if (!simulator) return;
      simulator.scrollIntoView({ block: "start" });
      (one(".case-option .case-button", simulator) ?? simulator).focus({ preventScroll: true });
    };

    const KEYS = {
      j: () => move(1),
      k: () => move(-1),
      m: () => startSaying("message"),
      n: () => startSaying("note"),
      s: jump,
      "?": () => help?.showModal(),
    };
    const move = (step) => one("[data-timeline]")?.dispatchEvent(new CustomEvent("timeline:move", { detail: step }));
    document.addEventListener("keydown", (event) => {
      const field = event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && field?.form) return field.form.requestSubmit();
      if (event.key === "Escape" && field && page.contains(field) && !box?.open) return field.blur();
      if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const button = one(`[data-key="${CSS.escape(event.key)}"]`);
      const act = KEYS[event.key] ?? (button ? () => button.click() : null);
      if (!act) return;
      event.preventDefault();
      act();
    });

    const ready = () => {
      recall();
      showKind();
      const open = one("[data-open-help]");
      if (open) open.hidden = !help;
      const list = one(".case-messages");
      if (list) list.scrollTop = list.scrollHeight;
    };
    ready();
    load();
  });
})();
