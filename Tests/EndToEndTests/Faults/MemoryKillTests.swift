import ChildProcesses
import Foundation
import Glibc
import Testing

/// A control group with a memory limit, of whichever version this machine mounts.
private final class MemoryGroup: Sendable {
    static let reason: String = "needs to make a memory control group, as root may"
    static let isPossible: Bool = (try? MemoryGroup(megabytes: 64)) != nil

    private let path: String
    private let limitName: String

    init(megabytes: Int) throws {
        let name = "crispyx-test-\(getpid())-\(UUID().uuidString.prefix(8))"
        let isVersion1 = FileManager.default.fileExists(
            atPath: "/sys/fs/cgroup/memory/memory.limit_in_bytes"
        )
        path = (isVersion1 ? "/sys/fs/cgroup/memory/" : "/sys/fs/cgroup/") + name
        limitName = isVersion1 ? "memory.limit_in_bytes" : "memory.max"
        guard mkdir(path, 0o755) == 0 else { throw EndToEndFailure(Self.reason) }
        guard Self.write("\(megabytes << 20)", to: path + "/" + limitName) else {
            rmdir(path)
            throw EndToEndFailure(Self.reason)
        }
        // Memory that is swapped out would not be missed.
        _ = Self.write("0", to: path + (isVersion1 ? "/memory.swappiness" : "/memory.swap.max"))
    }

    deinit { rmdir(path) }

    /// What puts a process into the group and goes on as another program.
    var wrapper: [String] {
        ["-c", "echo $$ >'\(path)/cgroup.procs' && exec \"$@\"", "sh"]
    }

    /// How many processes the kernel has killed in the group for want of memory.
    var kills: Int {
        for name in ["memory.oom_control", "memory.events"] {
            guard let text = try? String(contentsOfFile: path + "/" + name, encoding: .utf8) else {
                continue
            }
            for line in text.split(separator: "\n") where line.hasPrefix("oom_kill ") {
                return Int(line.split(separator: " ")[1]) ?? 0
            }
        }
        return 0
    }

    private static func write(_ text: String, to path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count
    }
}

@Suite("Workers that the kernel ends for want of memory", .serialized)
struct MemoryKillTests {
    private let screen = Screen()

    private func run(
        _ run: Run,
        in group: MemoryGroup,
        _ fault: String
    ) throws -> Program.Ended {
        try Program.run(
            "/bin/sh",
            group.wrapper + [try Program.path(Program.coordinator)] + run.arguments
                + ["--local-workers", "2", "--threads", "1", "--memory-limit", "128M"],
            in: run.folder,
            variables: ["CRISPYX_FAIL_FIT": fault],
            deadline: .seconds(60)
        )
    }

    @Test(
        "one such death is told apart from others, and the perturbation is tried alone",
        .enabled(if: MemoryGroup.isPossible, "\(MemoryGroup.reason)")
    )
    func once() throws {
        let run = try Run(screen)
        let expected = try run.undisturbed()
        let group = try MemoryGroup(megabytes: 400)
        let token = run.folder.file("token")
        try Data().write(to: URL(filePath: token))
        let ended = try self.run(run, in: group, "4=memory:\(token)")
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(group.kills == 1, "the fault fired")
        let deaths = run.events("worker_left").filter {
            $0["how"]?.contains("out of memory") == true
        }
        #expect(deaths.count == 1)
        #expect(ended.errors.contains("out of memory"))
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.leftovers() == [])
        #expect(run.folder.isDeserted())
    }

    @Test(
        "a perturbation that always takes too much is given up for that reason",
        .enabled(if: MemoryGroup.isPossible, "\(MemoryGroup.reason)")
    )
    func always() throws {
        let run = try Run(screen)
        let group = try MemoryGroup(megabytes: 400)
        let ended = try self.run(run, in: group, "4=memory")
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        #expect(group.kills == 2)
        let lost = try run.report().lost
        #expect(lost.map(\.perturbation) == [screen.perturbations[4]])
        let reasons = lost.flatMap(\.reasons)
        #expect(reasons.count == 2 && reasons.allSatisfy { $0.contains("out of memory") })
        #expect(run.folder.isDeserted())
    }
}
