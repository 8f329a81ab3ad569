//! TLS: whom to trust, and through a proxy.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use llmbench_api::*;
use llmbench_plugin_openai::OpenAi;
use llmbench_testkit::context;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

const LONG: Duration = Duration::from_secs(120);
const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Transfer-Encoding: chunked\r\n\r\n\
    31\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"safe\"}}]}\n\r\n\
    2e\r\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n\r\n\
    e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/// A server with a certificate of its own for `localhost`, and the file to trust it by.
fn server() -> (u16, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = std::env::temp_dir().join(format!("llmbench-ca-{}-{port}", std::process::id()));
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || serve(config, stream));
        }
    });
    (port, file)
}

fn serve(config: Arc<ServerConfig>, stream: TcpStream) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    // A client that does not trust this server leaves in the handshake.
    while let Ok(1..) = stream.read(&mut [0; 65536]) {
        if stream.write_all(STREAM.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// A proxy that opens tunnels to 127.0.0.1, or refuses them, and its URL.
fn proxy(opens: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut client = client;
            let port = first.split(' ').nth(1).and_then(|to| to.rsplit(':').next());
            let (true, Some(port)) = (opens, port) else {
                client.write_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n").unwrap();
                continue;
            };
            let server = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    url
}

fn request() -> GenerateRequest {
    let mut request = GenerateRequest::user("hello");
    request.model = "m".into();
    request
}

#[test]
fn a_server_whose_certificate_is_trusted_answers_alone_and_under_load() {
    let (port, file) = server();
    let settings = json!({ "url": format!("https://localhost:{port}/v1"), "ca_file": file });
    let backend = OpenAi::new(settings).unwrap();
    let cx = context(Some(LONG));
    for _ in 0..2 {
        let answer = backend.generate(&request(), &(), &cx).unwrap();
        assert_eq!(answer.text, "safe");
    }
    let arrival = Arrival::Closed { concurrency: 8 };
    let outcomes = backend.generate_batch(&vec![request(); 40], &arrival, &(), &cx).unwrap();
    for outcome in outcomes {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        assert_eq!(answer.text, "safe");
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn where_no_tls_can_be_agreed_upon_the_settings_are_to_blame() {
    let ((port, file), (_, other)) = (server(), server());
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let without_tls = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = stream.read(&mut [0; 65536]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    for (url, ca_file, message, hint) in [
        (format!("https://localhost:{port}"), &other, "is not trusted", "openai.ca_file"),
        (format!("https://127.0.0.1:{port}"), &file, "is for another name", "name"),
        (without_tls, &file, "speaks no TLS", "http://"),
        (format!("http://localhost:{port}"), &file, "it is TLS", "https://"),
    ] {
        let settings = json!({ "url": url, "ca_file": ca_file });
        let backend = OpenAi::new(settings).unwrap();
        let error = backend.generate(&request(), &(), &context(Some(LONG))).unwrap_err();
        assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Settings, Some("connect")));
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.hint.as_deref().unwrap().contains(hint), "{error:?}");
    }
    for file in [file, other] {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_proxy_that_is_named_tunnels_to_the_server() {
    let (port, file) = server();
    let ask = |proxy: &str| {
        let url = format!("https://localhost:{port}");
        let settings = json!({ "url": url, "ca_file": file, "proxy": proxy });
        OpenAi::new(settings).unwrap().generate(&request(), &(), &context(Some(LONG)))
    };
    assert_eq!(ask(&proxy(true)).unwrap().text, "safe");
    let error = ask(&proxy(false)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("status 407"), "{error}");
    std::fs::remove_file(&file).unwrap();
}
