/* Tells where visitors come from, once they agree; stores and sends nothing before. See docs/tracking.md. */
(() => {
  "use strict";
  if (window.attribution) return;
  const script = document.currentScript, { site, domain, consent: given } = script.dataset;
  const VISITOR = "attribution_visitor", VISIT = "attribution_visit";
  const YEAR = 31536000, HALF_AN_HOUR = 1800;
  const CAMPAIGN = /^(utm_(source|medium|campaign|content|term)|gclid|gbraid|wbraid|msclkid|yclid|dclid|irclickid|cjevent|awc|fbclid|ttclid|twclid|li_fat_id|rdt_cid|epik|sccid)$/i;
  const objects = navigator.globalPrivacyControl || navigator.doNotTrack === "1";
  let agreed = given === "granted", referrer = document.referrer.split(/[?#]/)[0], click = null;

  // A link of ours hands over its click. Out of the address bar with it, lest it be shared.
  const address = new URL(location), handed = address.searchParams.get("avid");
  if (handed !== null) {
    address.searchParams.delete("avid");
    history.replaceState(history.state, "", address);
    if (/^[0-9a-f]{32}$/.test(handed)) click = handed;
  }

  const random = () =>
    [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte + 256).toString(16).slice(1)).join("");
  const read = (name) => (document.cookie.match(`(?:^|; )${name}=([^;]+)`) || [])[1];
  const write = (name, value, seconds) => {
    document.cookie = `${name}=${value};path=/;max-age=${seconds};samesite=lax`
      + (domain ? `;domain=${domain}` : "") + (location.protocol === "https:" ? ";secure" : "");
  };
  const hash = (text) => text && ([...text].reduce((sum, c) => (sum * 31 + c.charCodeAt()) | 0, 7) >>> 0).toString(36);
  const mayTrack = () => !objects && (agreed || !!read(VISITOR));
  const visitorId = () => (mayTrack() && read(VISITOR)) || null;
  const send = (message) => navigator.sendBeacon(new URL("/t/collect", script.src), JSON.stringify({ site, ...message }));
  const fill = () =>
    document.querySelectorAll("input[data-attribution-visitor]").forEach((input) => { input.value = visitorId() || ""; });

  function page() {
    if (!mayTrack()) return;
    const known = read(VISITOR), visitor = known || click || random();
    write(VISITOR, visitor, YEAR);
    if (read(VISITOR) !== visitor) return; // The browser keeps no cookies.
    const query = String(new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => CAMPAIGN.test(name))));
    const [session, before] = (read(VISIT) || "").split("."), mark = hash(query);
    const isNew = !session || (mark && mark !== before), visit = isNew ? random() : session;
    write(VISIT, `${visit}.${isNew ? mark : before}`, HALF_AN_HOUR);
    if (click && known) send({ visitor, click });
    if (!click && isNew) send({ visitor, session: visit, url: `${location.origin}/?${query}`, referrer });
    click = null;
    referrer = ""; // Nobody came from there to the next page of a single-page application.
    fill();
  }

  function consent(yes) {
    agreed = !!yes;
    if (agreed) return page();
    write(VISITOR, "", 0);
    write(VISIT, "", 0);
    fill();
  }

  window.attribution = { consent, page, visitorId };
  document.addEventListener("submit", fill, true);
  if (document.prerendering) document.addEventListener("prerenderingchange", page, { once: true });
  else page();
})();
