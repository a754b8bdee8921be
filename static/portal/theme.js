// Light or dark as the system has it, or as the reader chose. Loaded in the head, so that no page flashes.
(function () {
  const root = document.documentElement;
  const storage = {
    get() { try { return localStorage.getItem("theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("theme", value); } catch { /* a private window */ } },
  };
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = storage.get();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  function current() {
    return root.dataset.theme || (system.matches ? "dark" : "light");
  }

  function announce() {
    document.dispatchEvent(new CustomEvent("themechange"));
  }

  system.addEventListener("change", announce);
  document.addEventListener("DOMContentLoaded", function () {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.addEventListener("click", function () {
        root.dataset.theme = current() === "dark" ? "light" : "dark";
        storage.set(root.dataset.theme);
        announce();
      });
    }
  });
})();
