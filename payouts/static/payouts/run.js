// While a run is built, its part of the page is fetched anew; the rest stays.
(function () {
    function refresh() {
        const shown = document.getElementById("payout-run");
        if (!shown || !("building" in shown.dataset)) return;
        fetch(window.location.href, { credentials: "same-origin" })
            .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
            .then((text) => {
                const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("payout-run");
                if (fresh) shown.replaceWith(fresh);
            })
            .catch(() => {})
            .finally(() => setTimeout(refresh, 2000));
    }
    setTimeout(refresh, 2000);
})();
