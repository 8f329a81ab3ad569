//! The server over real sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use llmbench_schedule_server::ScheduleServer;

fn ask(stream: &mut TcpStream, model: &str) {
    let body = format!(r#"{{"model":"{model}","stream":true,"max_tokens":3}}"#);
    let length = body.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
}

/// Everything until `end` has come.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(end) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the server left after: {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

fn connect(server: &ScheduleServer) -> TcpStream {
    let address = server.url();
    let stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

#[test]
fn pieces_go_out_on_time_and_the_connection_is_used_again() {
    let server = ScheduleServer::start().unwrap();
    let mut stream = connect(&server);
    for id in 0..2 {
        ask(&mut stream, &format!("schedule:first_us=30000,every_us=4000,id={id}"));
        let text = read_until(&mut stream, "\r\n0\r\n\r\n");
        assert_eq!(text.matches("\"content\":\" a\"").count(), 3, "{text}");
        let record = server.take_records().pop().unwrap();
        assert_eq!((record.id, record.is_complete, record.sent_at.len()), (id, true, 3));
        for (index, at) in record.sent_at.iter().enumerate() {
            let due = Duration::from_millis(30 + 4 * index as u64);
            assert!(*at - record.received_at >= due, "piece {index} was early");
        }
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn what_it_does_not_serve_is_refused_in_words() {
    let server = ScheduleServer::start().unwrap();
    let mut stream = connect(&server);
    ask(&mut stream, "schedule:first=1");
    assert!(read_until(&mut stream, "}}").contains("`first=1`"));
    write!(stream, "GET /health HTTP/1.1\r\n\r\n").unwrap();
    assert!(read_until(&mut stream, "}}").starts_with("HTTP/1.1 500"));
    write!(stream, "GET /v1/models HTTP/1.1\r\n\r\n").unwrap();
    assert!(read_until(&mut stream, "]}").contains("\"schedule:\""));
}

#[test]
fn a_client_that_leaves_is_recorded_as_incomplete() {
    let server = ScheduleServer::start().unwrap();
    let mut stream = connect(&server);
    ask(&mut stream, "schedule:every_us=1000000,tokens=60,id=9");
    read_until(&mut stream, "\" a\"");
    drop(stream);
    // The server finds out at the latest when it sends the next piece.
    for _ in 0..600 {
        if let Some(record) = server.take_records().pop() {
            assert_eq!((record.id, record.is_complete), (9, false));
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no record");
}

#[cfg(unix)]
#[test]
fn its_processor_time_grows() {
    let server = ScheduleServer::start().unwrap();
    let before = server.cpu_time().unwrap();
    let mut stream = connect(&server);
    ask(&mut stream, "schedule:tokens=20000");
    read_until(&mut stream, "\r\n0\r\n\r\n");
    assert!(server.cpu_time().unwrap() > before);
}
