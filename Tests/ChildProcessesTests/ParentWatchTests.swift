import ChildProcesses
import Foundation
import Synchronization
import Testing

extension ChildProcessesTests {
    @Suite("Watching the parent")
    struct ParentWatchTests {
        @Test("A stream that hangs up tells that the parent is gone, data on it does not")
        func hangUp() throws {
            var pipe = try Pipe()
            let isGone = Flag()
            try ParentWatch.start(descriptor: pipe.readEnd) { isGone.set() }
            #expect(write(pipe.writeEnd, [1], 1) == 1)
            usleep(50_000)
            #expect(!isGone.isSet)
            pipe.closeWriteEnd()
            #expect(eventually { isGone.isSet })
        }

        @Test("A parent that is not the one named is gone")
        func otherParent() throws {
            let isGone = Flag()
            try ParentWatch.start(descriptor: nil, parentProcessID: getppid() + 1) {
                isGone.set()
            }
            #expect(eventually { isGone.isSet })
        }

        @Test("A descriptor that is not open is refused at once")
        func notOpen() {
            #expect(throws: ChildProcessError.descriptorNotOpen(number: 9999, code: EBADF)) {
                try ParentWatch.start(descriptor: 9999)
            }
        }

        @Test("The process ends with status 75 when its parent is gone")
        func endsProcess() async {
            await #expect(processExitsWith: .exitCode(75)) {
                var pipe = try Pipe()
                try ParentWatch.start(descriptor: pipe.readEnd)
                pipe.closeWriteEnd()
                sleep(20)
            }
        }

        @Test("A child's lifeline hangs up when its parent is killed")
        func lifeline() async throws {
            // By name, since the exit test's process inherits no descriptor.
            let path = NSTemporaryDirectory() + "lifeline-" + UUID().uuidString
            #expect(mkfifo(path, 0o600) == 0)
            defer { unlink(path) }
            let reader = open(path, O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                // `read` returns only when the lifeline hangs up, since nobody writes to it.
                var command = shell("echo ready >\"$0\"; read x <&3; echo gone >\"$0\"")
                command.arguments.append(path)
                command.lifelineDescriptor = 3
                _ = try ChildProcess.spawn(command)
                usleep(300_000)
                kill(getpid(), SIGKILL)
            }
            var text = ""
            let hasHungUp = eventually {
                var bytes = [UInt8](repeating: 0, count: 64)
                let count = read(reader, &bytes, bytes.count)
                if count > 0 { text += String(decoding: bytes[..<count], as: UTF8.self) }
                return text == "ready\ngone\n"
            }
            #expect(hasHungUp, "\(text)")
        }
    }
}

/// A flag that one thread sets and another reads.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .acquiring) }

    func set() { value.store(true, ordering: .releasing) }
}
