import ChildProcesses
import Foundation
import Testing

extension ChildProcessesTests {
    @Suite("Finding executables")
    struct ExecutableLocationTests {
        @Test("The running program is found by its absolute path")
        func current() throws {
            let path = try ExecutableLocation.current()
            #expect(path.hasPrefix("/"))
            #expect(access(path, X_OK) == 0)
        }

        @Test("A program beside another is found, one that is missing is named")
        func sibling() throws {
            let shell = try ExecutableLocation.sibling(named: "sh", of: "/bin/sleep")
            #expect(shell == "/bin/sh")
            #expect(
                throws: ChildProcessError.siblingMissing(path: "/bin/no-such", code: ENOENT)
            ) {
                try ExecutableLocation.sibling(named: "no-such", of: "/bin/sleep")
            }
            #expect(throws: ChildProcessError.siblingMissing(path: "/etc/passwd", code: EACCES)) {
                try ExecutableLocation.sibling(named: "passwd", of: "/etc/hostname")
            }
        }

        @Test("A program beside the running one is looked for in its directory")
        func siblingOfCurrent() throws {
            let current = try ExecutableLocation.current()
            let name = try #require(current.split(separator: "/").last.map(String.init))
            #expect(try ExecutableLocation.sibling(named: name) == current)
        }

        @Test("A program whose file was replaced is found under its plain name")
        func replaced() throws {
            let directory = NSTemporaryDirectory() + "replaced-" + UUID().uuidString
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let copy = directory + "/sleep"
            try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: copy)
            let child = try ChildProcess.spawn(ChildCommand(executable: copy, arguments: ["30"]))
            defer {
                child.send(signal: SIGKILL)
                _ = child.wait()
            }
            let link = "/proc/\(child.processID)/exe"
            #expect(try ExecutableLocation.path(ofLink: link) == copy)
            try FileManager.default.removeItem(atPath: copy)
            #expect(try ExecutableLocation.path(ofLink: link) == copy)
        }
    }
}
