import ChildProcesses
import Foundation
import Glibc

extension Run {
    /// A coordinator that waits at a place until it is let go.
    struct Held {
        let program: Program
        let path: String

        /// Lets it go on.
        func release() { unlink(path) }

        /// Lets it go on and waits for its end.
        func finish() throws -> Program.Ended {
            release()
            return try program.wait()
        }

        /// Ends it in whatever state it is.
        func kill() {
            program.process.send(signal: SIGKILL)
            program.process.wait()
        }
    }

    /// Starts the coordinator and waits until it is held at a place: the proof that it got there.
    func startHeld(
        at place: String,
        _ more: [String] = oneWorker,
        variables: [String: String] = [:]
    ) throws -> Held {
        let path = folder.file("held-\(UUID().uuidString)")
        let program = try start(
            more,
            variables: variables.merging(["CRISPYX_HOLD": "\(place):\(path)"]) { $1 }
        )
        let held = eventually(30) {
            FileManager.default.fileExists(atPath: path) || program.process.exitStatus != nil
        }
        guard held, program.process.exitStatus == nil else {
            throw EndToEndFailure("not held at \(place): \(try program.wait().errors)")
        }
        return Held(program: program, path: path)
    }

    /// The result of a run of the same input and options that nothing disturbs.
    func undisturbed() throws -> Data {
        var calm = self
        calm.output = "calm.h5ad"
        let ended = try calm.run()
        guard ended.status == .exited(code: 0), let bytes = calm.result else {
            throw EndToEndFailure("the undisturbed run failed: \(ended.errors)")
        }
        try FileManager.default.removeItem(atPath: folder.file(calm.output))
        try FileManager.default.removeItem(atPath: folder.file(calm.directory))
        return bytes
    }

    /// What lies beside the input and should not after a run: everything but the result and the
    /// record of the run.
    func leftovers() throws -> [String] {
        let kept: Set<String> = [input, output, directory]
        let record: Set<String> = ["run.json", "report.json", "events.jsonl"]
        let inside = (try? FileManager.default.contentsOfDirectory(atPath: folder.file(directory)))
        return try folder.names().filter { !kept.contains($0) }
            + (inside ?? []).filter { !record.contains($0) }
    }
}

extension TestFolder {
    /// Processes that were started in this folder, by the directory for scratch files that every
    /// one of them is told, and have not ended.
    var processes: [Int32] {
        let mark = Data("TMPDIR=\(path)\0".utf8)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            guard process != getpid(), isRunning(process) else { return false }
            let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ")
            return environment?.range(of: mark) != nil
        }
    }

    /// Whether every process that was started in this folder ends by itself.
    func isDeserted(within seconds: Double = 10) -> Bool {
        eventually(seconds) { processes.isEmpty }
    }
}

/// Whether a signal would reach a program started here: shells have background jobs ignore some.
func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(signal, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}

/// A file system of its own and of a known size, mounted where nobody else sees it.
///
/// It lives in the mount namespace of a process that does nothing else, and is reached through that
/// process's root.
final class SmallDisk: Sendable {
    /// Why tests that need one are left out.
    static let reason: String =
        "needs to mount a small file system in a namespace of its own, as root may"
    /// Whether one can be made here.
    static let isPossible: Bool = (try? SmallDisk(kilobytes: 64)) != nil

    /// Where its content is found.
    let path: String
    private let folder: TestFolder
    private let holder: Program

    init(kilobytes: Int) throws {
        folder = try TestFolder()
        let place = folder.file("disk")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let script = """
            mount -t tmpfs -o size=\(kilobytes)k small "$1" && : >"$1/ready" && exec sleep 600
            """
        holder = try Program(
            "/usr/bin/unshare",
            ["-m", "/bin/sh", "-c", script, "sh", place],
            in: folder
        )
        path = "/proc/\(holder.process.processID)/root" + place
        let ready = path + "/ready"
        let (found, holder) = (ready, holder)
        let isReady = eventually(10) {
            FileManager.default.fileExists(atPath: found) || holder.process.exitStatus != nil
        }
        guard isReady, unlink(ready) == 0 else {
            throw EndToEndFailure(SmallDisk.reason)
        }
    }

    deinit {
        holder.process.send(signal: SIGKILL)
        holder.process.wait()
    }

    func file(_ name: String) -> String { path + "/" + name }

    /// Takes all the room there is.
    func fill() throws {
        let descriptor = open(file("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw EndToEndFailure("the disk cannot be filled") }
        defer { close(descriptor) }
        let zeros = [UInt8](repeating: 0, count: 65536)
        var size = zeros.count
        while size >= 1 {
            if write(descriptor, zeros, size) <= 0 { size /= 2 }
        }
        guard errno == ENOSPC else { throw EndToEndFailure("the disk is not full: \(errno)") }
    }

    /// Gives the room back.
    func free() { unlink(file("filler")) }

    /// Makes it one that cannot be written to, or can again.
    func mount(readOnly: Bool) throws {
        let mode = readOnly ? "ro" : "rw"
        let place = folder.file("disk")
        let ended = try Program.run(
            "/usr/bin/nsenter",
            ["-t", "\(holder.process.processID)", "-m", "mount", "-o", "remount,\(mode)", place],
            in: folder
        )
        guard ended.status == .exited(code: 0) else { throw EndToEndFailure(ended.errors) }
    }
}

/// Takes the room of a part of a file away, so that writing there needs room anew.
func punchHole(_ path: String, at offset: Int, bytes: Int, in folder: TestFolder) throws {
    let ended = try Program.run(
        "/usr/bin/fallocate",
        ["--punch-hole", "--offset", "\(offset)", "--length", "\(bytes)", path],
        in: folder
    )
    guard ended.status == .exited(code: 0) else { throw EndToEndFailure(ended.errors) }
}
