// The access token of the latest login on this page goes with the requests after it. It is kept nowhere.
const LOGIN = "/api/v1/auth/login";

const reference = SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  // Swagger's own validator is on another host.
  validatorUrl: null,
  responseInterceptor: (response) => {
    if (new URL(response.url).pathname === LOGIN && response.ok) {
      reference.preauthorizeApiKey("accessToken", JSON.parse(response.text).data.accessToken);
    }
    return response;
  },
});
