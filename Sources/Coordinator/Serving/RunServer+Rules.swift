import ChildProcesses
import Logging
import Scheduling
import Transport
import WireProtocol

extension RunServer {
    /// Notes a worker that was welcomed.
    func noteJoin(_ id: UInt64, _ hello: Hello) {
        log.info(
            "worker joins",
            metadata: [
                "worker": "\(hello.host)/\(hello.processID)", "threads": "\(hello.threads)",
            ]
        )
        events.note(
            "worker_joined",
            [
                "connection": "\(id)", "host": hello.host, "process": "\(hello.processID)",
                "threads": "\(hello.threads)", "incarnation": "\(hello.incarnation)",
            ]
        )
    }

    /// Notes the end of a worker's session.
    func noteLeave(_ id: UInt64, _ connection: WorkerConnection, _ departure: Departure) {
        if case .processDied(let how) = departure {
            log.warning(
                "worker died",
                metadata: ["worker": "\(connection.name)", "how": "\(how)"]
            )
        }
        events.note("worker_left", ["connection": "\(id)", "how": "\(departure)"])
    }

    /// Notes a worker that the scheduler has given up because it is silent; its link takes its time
    /// to close and is no news any more when it has.
    func noteSilence(_ id: UInt64, _ reason: CloseReason) {
        guard case .silent = reason, let connection = connections[id] else { return }
        log.warning(
            "a worker is taken for lost",
            metadata: ["worker": "\(connection.name)", "why": "\(reason)"]
        )
        noteDeparture(id, .networkLost)
        noteLeave(id, connection, .networkLost)
        connections[id]?.isGivenUp = true
    }
}

extension Departure {
    /// What the end of a link says about the worker behind it.
    init(_ closure: LinkClosure) {
        switch closure {
        case .vanished, .reset: self = .processDied("\(closure)")
        // A peer that closes in order lives: it gave the connection up, as after too long a silence.
        case .peerClosed, .timedOut, .protocolViolation, .tlsFailed, .certificateRefused, .local:
            self = .networkLost
        }
    }
}

extension WatchedSignal {
    /// How long a stopping run waits for what is being fitted.
    ///
    /// Batch systems kill half a minute after TERM, and send USR1 a few minutes before the end.
    var drainLimit: Duration {
        .milliseconds(TimeScale.milliseconds(self == .user1 ? 120_000 : 20_000))
    }
}
