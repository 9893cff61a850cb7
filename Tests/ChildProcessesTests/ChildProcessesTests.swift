import ChildProcesses
import Foundation
import Testing

/// One after another, since children and descriptors belong to the whole process.
@Suite("Child processes", .serialized)
struct ChildProcessesTests {}

/// Swift Testing has a type of this name as well.
typealias ExitStatus = ChildProcesses.ExitStatus

/// A pipe whose ends this process alone has.
struct Pipe: ~Copyable {
    let readEnd: Int32
    private(set) var writeEnd: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        readEnd = ends[0]
        writeEnd = ends[1]
        _ = fcntl(readEnd, F_SETFD, FD_CLOEXEC)
        _ = fcntl(writeEnd, F_SETFD, FD_CLOEXEC)
    }

    deinit {
        close(readEnd)
        if writeEnd >= 0 { close(writeEnd) }
    }

    mutating func closeWriteEnd() {
        close(writeEnd)
        writeEnd = -1
    }

    /// Everything written until the last writer is gone.
    mutating func text() -> String {
        closeWriteEnd()
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = read(readEnd, &part, part.count), count > 0 {
            bytes.append(contentsOf: part[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Whether `condition` comes true within ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2000 {
        if condition() { return true }
        usleep(5000)
    }
    return condition()
}

/// A shell that runs `script`.
func shell(
    _ script: String,
    inherited: [ChildCommand.InheritedDescriptor] = [],
    output: ChildCommand.StandardStream = .null
) -> ChildCommand {
    ChildCommand(
        executable: "/bin/sh",
        arguments: ["-c", script],
        inherited: inherited,
        standardOutput: output,
        standardError: .null
    )
}
