//! AWS clients, made for a short cold start: credentials and region from the environment that Lambda sets, one
//! HTTP client for all of them, and only the roots that AWS's endpoints need, compiled in. Reading the
//! machine's certificate store would cost more than everything else in a function's start together.

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::env::{self, ConfigError};

/// Amazon Root CA 1 to 4 and Starfield Services Root CA G2, which every AWS endpoint's chain ends in
/// (<https://www.amazontrust.com/repository/>).
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("../certs/amazon-trust-services.pem");

/// A call that has not been answered after this long is tried again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The one HTTP client of this process.
fn http_client() -> Result<SharedHttpClient, ConfigError> {
    static CLIENT: OnceLock<SharedHttpClient> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let context = TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES))
        .build()
        .map_err(|error| ConfigError::invalid("TLS", error))?;
    let client =
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context).build_https();
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// Where a service is, if not at AWS, as the SDKs find it out: `AWS_ENDPOINT_URL_<service>`, else `AWS_ENDPOINT_URL`
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>). Only an SDK whose configuration is loaded
/// by `aws-config` looks at them by itself, and would take an empty one for an address; the template has it empty.
fn endpoint(service: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL"))
}

/// The configuration for one service's client. `service` is its name in `AWS_ENDPOINT_URL_<service>`, which points a
/// client elsewhere than at AWS, as `AWS_ENDPOINT_URL` points all of them.
///
/// Makes no network call.
///
/// # Errors
/// [`ConfigError`] when the region or the credentials are not in the environment.
pub fn config(service: &str) -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::new(
        env::required("AWS_ACCESS_KEY_ID")?,
        env::required("AWS_SECRET_ACCESS_KEY")?,
        env::optional("AWS_SESSION_TOKEN"),
        None,
        "Environment",
    );
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(env::required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client()?)
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        );
    if let Some(url) = endpoint(service, env::optional) {
        builder = builder.endpoint_url(url);
    }
    Ok(builder.build())
}

/// The DynamoDB client.
///
/// # Errors
/// As [`config`].
pub fn dynamodb() -> Result<aws_sdk_dynamodb::Client, ConfigError> {
    Ok(aws_sdk_dynamodb::Client::new(&config("DYNAMODB")?))
}

/// A DynamoDB client for a database on this machine, with credentials that it takes as it takes any.
#[must_use]
pub fn local_dynamodb(url: &str, region: &str, credential: &str) -> aws_sdk_dynamodb::Client {
    let credentials = Credentials::new(credential, credential, None, None, "local");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .http_client(Builder::new().build_http())
        .endpoint_url(url)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_own_endpoint_comes_first() {
        let of = |variables: &[(&str, &str)]| {
            endpoint("SQS", |name| {
                let value = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
                env::given(value.map(str::to_owned))
            })
        };
        let (all, own) = (("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_SQS", "http://own"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[all]).as_deref(), Some("http://all"));
        assert_eq!(of(&[all, own]).as_deref(), Some("http://own"));
        assert_eq!(of(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://other")]), None);
        // As the template has it when it is deployed.
        assert_eq!(of(&[("AWS_ENDPOINT_URL", "")]), None);
        assert_eq!(of(&[all, ("AWS_ENDPOINT_URL_SQS", "")]).as_deref(), Some("http://all"));
    }
}
