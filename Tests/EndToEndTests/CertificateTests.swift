import ChildProcesses
import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Certificates in place of a token")
struct CertificateTests {
    private let screen = Screen()

    @Test("give the same bytes", arguments: [false, true])
    func sameBytes(byDirectory: Bool) throws {
        let expected = try Run.undisturbed(screen)
        let run = try Run(screen)
        let maker = try run.folder.makeCertificates("coordinator", "worker")
        let coordinator = try Listening(run, maker.options("coordinator"))
        defer { coordinator.kill() }
        #expect(!run.folder.exists(run.directory + "/token"), "no secret is made")
        if byDirectory {
            let worker = try Program(
                Program.worker,
                ["--connect", "@" + run.folder.file(run.directory), "--threads", "1"]
                    + maker.options("worker"),
                in: run.folder
            )
            defer { worker.process.send(signal: SIGTERM) }
            #expect(try coordinator.program.wait().status == .exited(code: 0))
            #expect(try worker.wait().status == .exited(code: 0))
            #expect(expected.firstDifference(from: run.result) == nil)
        } else {
            try coordinator.finish(with: maker.options("worker"), expected)
        }
    }

    @Test("that do not fit are refused, and the coordinator does not mind")
    func refused() throws {
        let expected = try Run.undisturbed(screen)
        let run = try Run(screen)
        let maker = try run.folder.makeCertificates("coordinator", "worker")
        try maker.makeAuthority("other")
        try maker.make("stranger", by: "other")
        try maker.makeExpired("expired", by: "ca")
        let coordinator = try Listening(run, maker.options("coordinator"))
        defer { coordinator.kill() }
        let readable = run.folder.file("readable.key")
        try FileManager.default.copyItem(atPath: maker.key("worker"), toPath: readable)
        chmod(readable, 0o644)
        let token = try run.folder.write(String(repeating: "ab", count: 32), "secret")
        let mixed = [
            "--tls-cert", maker.certificate("worker"), "--tls-ca", maker.certificate("ca"),
        ]
        for (options, status, text) in [
            (maker.options("stranger"), 77, "TLSV1_ALERT_UNKNOWN_CA"),
            (maker.options("worker", authority: "other"), 77, "CERTIFICATE_VERIFY_FAILED"),
            (["--token-file", token], 77, "certificates of the same authority"),
            (maker.options("expired"), 64, "has expired"),
            (mixed + ["--tls-key", maker.key("coordinator")], 64, "is not the key of"),
            (mixed + ["--tls-key", readable], 64, "wider than 0600"),
            (mixed + ["--tls-key", run.folder.file("absent")], 64, "No such file"),
            (mixed, 64, "go together"),
            (maker.options("worker") + ["--token-file", token], 64, "exclude each other"),
        ] as [([String], Int32, String)] {
            let ended = try coordinator.worker(options).wait()
            #expect(ended.status == .exited(code: status), "\(options): \(ended.errors)")
            #expect(ended.errors.contains(text), "\(text) in \(ended.errors)")
        }
        // Without any certificate; `openssl` believes that it is through, and is then thrown out.
        try? maker.run(
            [
                "s_client", "-connect", "127.0.0.1:\(coordinator.port)", "-tls1_3", "-CAfile",
                maker.certificate("ca"),
            ]
        )
        try coordinator.finish(with: maker.options("worker"), expected)
        #expect(run.events("worker_joined").count == 1, "nobody else was let in")
    }

    @Test("are looked at before anything is read")
    func commandLine() throws {
        let run = try Run(screen)
        let maker = try run.folder.makeCertificates("coordinator")
        let good = maker.options("coordinator")
        let listen = ["--listen", "127.0.0.1:0"]
        for (options, text) in [
            (good, "--listen or --hosts"), (Array(good.dropLast(2)) + listen, "go together"),
            (good + listen + ["--token-file", "t"], "exclude each other"),
            (maker.options("absent") + listen, "absent.pem: cannot open it"),
            (maker.options("coordinator", authority: "absent") + listen, "absent.pem: cannot"),
        ] {
            let ended = try run.run(options)
            #expect(ended.status == .exited(code: 64), "\(options): \(ended.errors)")
            #expect(ended.errors.contains(text), "\(text) in \(ended.errors)")
            #expect(!run.folder.exists(run.directory))
        }
    }
}

@Suite("Tokens")
struct TokenTests {
    private static let token = String(repeating: "0123456789abcdef", count: 4)

    @Test("that do not fit are refused, and the coordinator does not mind")
    func refused() throws {
        let expected = try Run.undisturbed(Screen())
        let run = try Run(Screen())
        let good = try run.folder.write(Self.token, "good")
        let coordinator = try Listening(run, ["--token-file", good])
        defer { coordinator.kill() }
        for (text, mode, part) in [
            (String(repeating: "f", count: 64), 0o600, "TLS handshake"),
            ("abcd", 0o600, "holds 2 bytes"), ("", 0o600, "holds 0 bytes"),
            (Self.token, 0o644, "wider than 0600"),
        ] as [(String, mode_t, String)] {
            let file = try run.folder.write(text, "wrong", mode: mode)
            let ended = try coordinator.worker(["--token-file", file]).wait()
            #expect(ended.status == .exited(code: 77), "\(part): \(ended.errors)")
            #expect(ended.errors.contains(part), "\(part) in \(ended.errors)")
        }
        try coordinator.finish(with: ["--token-file", good], expected)
        let open = try run.folder.write(Self.token, "open", mode: 0o604)
        let ended = try run.run(
            ["--listen", "127.0.0.1:0", "--token-file", open, "--force"]
        )
        #expect(ended.status == .exited(code: 77))
        #expect(ended.errors.contains("wider than 0600"))
    }

    @Test("are seen in no command line, no environment and no log")
    func secrecy() throws {
        let slow = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let run = try Run(slow)
        let file = try run.folder.write(Self.token, "secret")
        let coordinator = try Listening(run, ["--token-file", file, "--verbose"])
        defer { coordinator.kill() }
        // One worker has it from a file, the other from its standard input, as over ssh.
        let workers = try ["--token-file \(file)", "--token-file - --end-with-input < \(file)"]
            .map { options in
                try Program(
                    "/bin/sh",
                    [
                        "-c",
                        "exec '\(try Program.path(Program.worker))' --connect "
                            + "127.0.0.1:\(coordinator.port) --threads 1 --processes 1 --verbose "
                            + options,
                    ],
                    in: run.folder
                )
            }
        defer { for worker in workers { worker.process.send(signal: SIGTERM) } }
        #expect(eventually(20) { !run.events("row").isEmpty }, "it has begun")
        let fitters = run.events("worker_joined").compactMap { Int32($0["process"] ?? "") }
        #expect(!fitters.isEmpty)
        let all =
            [coordinator.program.process.processID] + workers.map(\.process.processID) + fitters
        var seen = 0
        for id in all {
            for name in ["cmdline", "environ"] {
                guard let data = FileManager.default.contents(atPath: "/proc/\(id)/\(name)"),
                    !data.isEmpty
                else { continue }
                seen += 1
                let text = String(decoding: data, as: UTF8.self)
                #expect(!text.lowercased().contains(Self.token.prefix(16)), "\(name) of \(id)")
            }
        }
        #expect(seen >= 4, "there was something to look at")
        let ended = try coordinator.program.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        for text in [ended.errors, ended.output] + (try workers.map { try $0.wait().errors }) {
            #expect(!text.lowercased().contains(Self.token.prefix(16)))
        }
        let left = run.folder.bytes(run.directory + "/events.jsonl") ?? Data()
        #expect(!String(decoding: left, as: UTF8.self).contains(Self.token.prefix(16)))
    }
}
