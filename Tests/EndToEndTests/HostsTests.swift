import ChildProcesses
import Foundation
import Glibc
import Testing

/// Runs with `--hosts` and a script in the place of `ssh`.
///
/// It keeps what it was told and runs the remote command here, or behaves like a machine that
/// refuses or hangs. `scripts/test-cluster.sh` uses the real one.
@Suite("Workers that are started over ssh")
struct HostsTests {
    private static let token = String(repeating: "0123456789abcdef", count: 4)

    /// A run with a hosts file and a script in the place of `ssh`.
    private func makeRun(
        _ screen: Screen,
        hosts: String,
        certificates: Bool = false
    ) throws -> (Run, [String: String]) {
        var run = try Run(screen)
        // A machine that hangs costs seconds at the end of a run.
        run.deadline = .seconds(120)
        let folder = run.folder
        try FileManager.default.createDirectory(
            atPath: folder.file("bin"),
            withIntermediateDirectories: true
        )
        try write(
            """
            #!/bin/sh
            printf '%s\\n' "$$ $*" >> '\(folder.path)/told'
            env >> '\(folder.path)/variables'
            for command; do :; done
            case "$*" in
            *' -- good'*) exec sh -c "$command" ;;
            *' -- hanging'*) exec sleep 300 ;;
            *) echo 'ssh: connect to host refusing port 22: Connection refused' >&2; exit 255 ;;
            esac

            """,
            folder.file("bin/ssh")
        )
        chmod(folder.file("bin/ssh"), 0o700)
        try write(Self.token, folder.file("secret"))
        chmod(folder.file("secret"), 0o600)
        try write(hosts, folder.file("hosts.txt"))
        run.extra = ["--hosts", folder.file("hosts.txt")]
        run.extra +=
            certificates
            ? try folder.makeCertificates("coordinator", "worker").options("coordinator")
            : ["--token-file", folder.file("secret")]
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return (run, ["PATH": folder.file("bin") + ":" + path])
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    private func text(_ run: Run, _ name: String) -> String {
        String(decoding: run.folder.bytes(name) ?? Data(), as: UTF8.self)
    }

    /// Processes that the script became, by the machine they stand for.
    private func processes(_ run: Run, _ host: String) -> [Int32] {
        text(run, "told").split(separator: "\n").filter { $0.contains(" -- \(host) ") }
            .compactMap { Int32($0.prefix { $0 != " " }) }
    }

    @Test("good machines do the work while one refuses and one hangs")
    func mixed() throws {
        let calm = try Run(Screen())
        #expect(try calm.run().status == .exited(code: 0))
        let worker = try Program.path(Program.worker)
        let (run, variables) = try makeRun(
            Screen(),
            hosts: "* threads=1 worker=\"\(worker)\"\nrefusing\nhanging\ngood[1-2] slots=2\n"
        )
        let ended = try run.run([], variables: variables)
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try #require(calm.result).firstDifference(from: run.result) == nil)
        #expect(ended.errors.contains("refusing| ssh: connect to host refusing"))
        #expect(run.events("worker_joined").count <= 4)
        let told = text(run, "told")
        #expect(told.contains("BatchMode=yes") && told.contains("'--processes' '2'"))
        for text in [told, text(run, "variables"), ended.errors] {
            #expect(!text.isEmpty && !text.lowercased().contains(Self.token))
        }
        for host in ["good1", "good2", "hanging"] {
            let ids = processes(run, host)
            #expect(!ids.isEmpty, "\(host) was started")
            #expect(ids.allSatisfy { !isRunning($0) }, "\(host) left a process behind")
        }
    }

    @Test("with certificates: the machine's own, or those at the coordinator's paths")
    func certificates() throws {
        let expected = try Run.undisturbed(Screen())
        let worker = try Program.path(Program.worker)
        let (run, variables) = try makeRun(Screen(), hosts: "", certificates: true)
        let folder = run.folder
        try write(
            """
            * threads=1 worker="\(worker)"
            good1 tls-cert="\(folder.file("worker.pem"))" tls-key="\(folder.file("worker.key"))"
            good2
            """,
            folder.file("hosts.txt")
        )
        let ended = try run.run([], variables: variables)
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        let told = text(run, "told")
        #expect(!told.contains("--token-file"))
        #expect(told.contains("'--tls-key' '\(folder.file("worker.key"))'"))
        #expect(told.contains("'--tls-key' '\(folder.file("coordinator.key"))'"))
        let (without, same) = try makeRun(Screen(), hosts: "good1 tls-key=/k\n")
        let refused = try without.run([], variables: same)
        #expect(refused.status == .exited(code: 64))
        #expect(refused.errors.contains("line 1") && refused.errors.contains("--tls-cert"))
    }

    @Test("nothing outlives a coordinator that is killed, and the run can be resumed")
    func killedCoordinator() throws {
        let slow = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let calm = try Run(slow)
        #expect(try calm.run().status == .exited(code: 0))
        let worker = try Program.path(Program.worker)
        let (run, variables) = try makeRun(
            slow,
            hosts: "good1 threads=1 worker=\"\(worker)\"\n"
        )
        let coordinator = try run.start([], variables: variables)
        defer { coordinator.process.send(signal: SIGKILL) }
        #expect(eventually(20) { !run.events("row").isEmpty }, "it has begun")
        let fitting = run.events("worker_joined").compactMap { Int32($0["process"] ?? "") }
        let parents = processes(run, "good1")
        #expect(!fitting.isEmpty && !parents.isEmpty)
        coordinator.process.send(signal: SIGKILL)
        coordinator.process.wait()
        let areGone = eventually(10) { (fitting + parents).allSatisfy { !isRunning($0) } }
        #expect(areGone)
        let ended = try run.run(["--resume"], variables: variables)
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try #require(calm.result).firstDifference(from: run.result) == nil)
    }

    @Test("machines that can never work end the run with 69, soon")
    func noProgram() throws {
        let (run, variables) = try makeRun(
            Screen(),
            hosts: "good[1-2] worker=/nowhere/crispyx-worker\n"
        )
        let ended = try run.run([], variables: variables)
        #expect(ended.status == .exited(code: 69), "\(ended.errors)")
        #expect(ended.errors.contains("worker= in the hosts file"))
    }

    @Test("a damaged hosts file is refused before anything is read")
    func refused() throws {
        for (hosts, status, part) in [
            ("good1\n\nbad;host\n", 64, "line 3"), ("good1 slots=0\n", 64, "line 1"),
            ("", 64, "no machine"),
        ] as [(String, Int32, String)] {
            let (run, variables) = try makeRun(Screen(), hosts: hosts)
            let ended = try run.run([], variables: variables)
            #expect(ended.status == .exited(code: status))
            #expect(ended.errors.contains(part), "\(ended.errors)")
            #expect(!run.folder.exists(run.directory))
        }
        let (run, variables) = try makeRun(Screen(), hosts: "good1")
        let loopback = try run.run(["--listen", "127.0.0.1:0"], variables: variables)
        #expect(loopback.status == .exited(code: 64))
        try FileManager.default.removeItem(atPath: run.folder.file("hosts.txt"))
        #expect(try run.run([], variables: variables).status == .exited(code: 66))
    }
}

@Suite("A worker by itself")
struct StandaloneWorkerTests {
    @Test("shows where it would compute without a coordinator")
    func topology() throws {
        let folder = try TestFolder()
        let shown = try Program.run(
            Program.worker,
            ["--show-topology", "--numa", "off", "--processes", "2", "--threads", "3"],
            in: folder
        )
        #expect(shown.status == .exited(code: 0), "\(shown.errors)")
        #expect(shown.output.contains("process 1: CPUs"))
        #expect(shown.output.contains("3 threads, memory of any node"))
        let absent = try Program.run(
            Program.worker,
            ["--show-topology", "--numa", "1000"],
            in: folder
        )
        #expect(absent.status == .exited(code: 64))
        #expect(absent.errors.contains("NUMA node 1000"))
    }

    @Test("waits for a coordinator, and leaves at once when asked", arguments: [SIGTERM, SIGUSR1])
    func terminated(signal: Int32) throws {
        let folder = try TestFolder()
        try Data(String(repeating: "ab", count: 32).utf8).write(
            to: URL(filePath: folder.file("token"))
        )
        chmod(folder.file("token"), 0o600)
        let worker = try Program(
            Program.worker,
            ["--connect", "127.0.0.1:1", "--token-file", folder.file("token")],
            in: folder
        )
        usleep(1_000_000)
        #expect(worker.process.exitStatus == nil, "it goes on trying")
        worker.process.send(signal: signal)
        #expect(try worker.wait().status == .exited(code: 0))
    }

    @Test("gives up at its deadline with 69")
    func deadline() throws {
        let folder = try TestFolder()
        try Data(String(repeating: "ab", count: 32).utf8).write(
            to: URL(filePath: folder.file("token"))
        )
        chmod(folder.file("token"), 0o600)
        let ended = try Program.run(
            Program.worker,
            [
                "--connect", "127.0.0.1:1", "--token-file", folder.file("token"),
                "--connect-timeout", "1",
            ],
            in: folder
        )
        #expect(ended.status == .exited(code: 69))
        #expect(ended.errors.contains("127.0.0.1:1"))
    }
}
