// Connects allauth's passkey scripts with the form of the page. Without scripts, or where the browser has no passkeys,
// the form stays hidden and people use another way.
(function () {
  const form = document.querySelector("[data-passkey]");
  if (!form || !window.PublicKeyCredential || !window.allauth) return;
  const forms = window.allauth.webauthn.forms;
  const fault = form.querySelector("[data-passkey-fault]");
  const data = { data: "passkey-data", credential: "passkey-credential" };

  form.hidden = false;
  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    if (fault) fault.hidden = false;
  });
  if (form.dataset.passkey === "sign-in") forms.loginForm({ ids: { login: "passkey-button", credential: data.credential } });
  if (form.dataset.passkey === "confirm") forms.authenticateForm({ ids: { authenticate: "passkey-button", ...data } });
  if (form.dataset.passkey === "add") forms.addForm({ ids: { add: "passkey-button", passwordless: "id_passwordless", ...data } });
})();
