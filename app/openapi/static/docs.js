// Shows openapi.json in Swagger UI. A successful log-in authorizes all later requests.

const LOG_IN = /\/v[12]\/(user_auth|api_auth|shared_auth)(\?|$)/;

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  responseInterceptor: authorize,
});

function authorize(response) {
  if (response.ok && LOG_IN.test(response.url)) {
    ui.preauthorizeApiKey("token", JSON.parse(response.text).auth_token);
    ui.authActions.persistAuthorizationIfNeeded();
  }
  return response;
}
