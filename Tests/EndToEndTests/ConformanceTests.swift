import ChildProcesses
import Foundation
import Glibc
import TestSupport
import Testing
import WireProtocol

/// The worker in Python of `Tests/Conformance`, which was written from the protocol's description.
@Suite("A worker in another language")
struct ConformanceTests {
    private static let place = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Conformance").path

    /// Runs one of the Python programs.
    private func python(
        _ name: String,
        _ maker: CertificateMaker,
        in folder: TestFolder,
        port: Int
    ) throws -> Program {
        try Program(
            "/usr/bin/env",
            [
                "python3", "-B", "\(Self.place)/\(name).py", maker.certificate("worker"),
                maker.key("worker"), maker.certificate("ca"), folder.path, "\(port)",
            ],
            in: folder,
            deadline: .seconds(120)
        )
    }

    /// A run of a real worker whose conversation is checked and whose rows are kept.
    private func recorded(_ screen: Screen) throws -> (Run, CertificateMaker) {
        var run = try Run(screen)
        run.deadline = .seconds(120)
        let maker = try run.folder.makeCertificates("coordinator", "worker")
        let coordinator = try Listening(run, maker.options("coordinator"))
        defer { coordinator.kill() }
        let recorder = try python("record", maker, in: run.folder, port: coordinator.port)
        defer { recorder.process.send(signal: SIGKILL) }
        #expect(eventually(30) { run.folder.exists("port") })
        let port = String(decoding: run.folder.bytes("port") ?? Data(), as: UTF8.self)
        let worker = try Program(
            Program.worker,
            ["--connect", "127.0.0.1:\(port)", "--threads", "1", "--processes", "1"]
                + maker.options("worker"),
            in: run.folder,
            deadline: run.deadline
        )
        defer { worker.process.send(signal: SIGTERM) }
        let ended = try coordinator.program.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        let recording = try recorder.wait()
        #expect(recording.status == .exited(code: 0), "\(recording.errors)")
        return (run, maker)
    }

    @Test("understands all that is said, and does a whole run by itself")
    func wholeRun() throws {
        let screen = Screen()
        let expected = try Run.undisturbed(screen)
        let (recorded, maker) = try recorded(screen)
        #expect(expected.firstDifference(from: recorded.result) == nil)
        let counts = String(decoding: recorded.folder.bytes("counts") ?? Data(), as: UTF8.self)
        #expect(counts.contains("rows \(screen.perturbations.count)\n"), "\(counts)")
        #expect(counts.contains("welcome 1\n") && counts.contains("goodbye 1\n"), "\(counts)")

        let run = try Run(screen)
        let coordinator = try Listening(run, maker.options("coordinator"))
        defer { coordinator.kill() }
        let worker = try python("worker", maker, in: recorded.folder, port: coordinator.port)
        defer { worker.process.send(signal: SIGKILL) }
        let ended = try coordinator.program.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        let left = try worker.wait()
        #expect(left.status == .exited(code: 0), "\(left.errors)")
        #expect(left.output == "\(screen.perturbations.count + 1) rows\n")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.events("worker_joined").map { $0["host"] } == ["conformance"])
    }

    @Test("breaks every rule, and the run does not suffer")
    func violations() throws {
        let screen = Screen()
        let expected = try Run.undisturbed(screen)
        var run = try Run(screen)
        run.deadline = .seconds(120)
        let maker = try run.folder.makeCertificates("coordinator", "worker")
        let coordinator = try Listening(run, maker.options("coordinator"))
        defer { coordinator.kill() }
        _ = try run.folder.write(BuildIdentity.current, "build")
        let prober = try python("violations", maker, in: run.folder, port: coordinator.port)
        defer { prober.process.send(signal: SIGKILL) }
        let probed = try prober.wait()
        #expect(probed.status == .exited(code: 0), "\(probed.output)\(probed.errors)")
        #expect(probed.output.split(separator: "\n").count >= 55, "\(probed.output)")
        try coordinator.finish(with: maker.options("worker"), expected)
    }
}
