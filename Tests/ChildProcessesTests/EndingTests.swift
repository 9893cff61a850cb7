import ChildProcesses
import Foundation
import Synchronization
import Testing

extension ChildProcessesTests {
    @Suite("Ending")
    struct EndingTests {
        @Test("An exit status is told apart from a signal")
        func statuses() throws {
            #expect(try ChildProcess.spawn(shell("exit 0")).wait() == .exited(code: 0))
            #expect(try ChildProcess.spawn(shell("exit 255")).wait() == .exited(code: 255))
            let killed = try ChildProcess.spawn(shell("kill -9 $$")).wait()
            #expect(killed == .signalled(number: 9, coreDumped: false))
            #expect(killed.description == "killed by signal 9 (SIGKILL)")
        }

        @Test(
            "The status word of the kernel is read as waitpid defines it",
            arguments: [
                (0x0000, .exited(code: 0), "exited with status 0"),
                (0x4b00, .exited(code: 75), "exited with status 75"),
                (
                    0x000f, .signalled(number: 15, coreDumped: false),
                    "killed by signal 15 (SIGTERM)"
                ),
                (
                    0x008b, .signalled(number: 11, coreDumped: true),
                    "killed by signal 11 (SIGSEGV), core dumped"
                ),
                (0x0022, .signalled(number: 34, coreDumped: false), "killed by signal 34"),
            ] as [(Int32, ExitStatus, String)]
        )
        func statusWords(word: Int32, status: ExitStatus, text: String) {
            #expect(ExitStatus(waitStatus: word) == status)
            #expect(status.description == text)
        }

        @Test("The end reaches the callback, every observer, late observers and async callers")
        func observers() async throws {
            let seen = Mutex<[String]>([])
            let child = try ChildProcess.spawn(shell("exit 3")) { status in
                seen.withLock { $0.append("callback \(status)") }
            }
            child.notify { status in seen.withLock { $0.append("observer \(status)") } }
            #expect(await child.ended() == .exited(code: 3))
            #expect(child.exitStatus == .exited(code: 3))
            child.notify { status in seen.withLock { $0.append("late \(status)") } }
            #expect(eventually { seen.withLock(\.count) == 3 })
            #expect(
                seen.withLock { $0.sorted() } == [
                    "callback exited with status 3", "late exited with status 3",
                    "observer exited with status 3",
                ]
            )
        }

        @Test("A wait with a limit returns nothing while the child runs")
        func waitTimeout() throws {
            let child = try ChildProcess.spawn(
                ChildCommand(executable: "/bin/sleep", arguments: ["30"])
            )
            #expect(child.wait(timeout: .milliseconds(20)) == nil)
            #expect(child.exitStatus == nil)
            child.send(signal: SIGKILL)
            #expect(
                child.wait(timeout: .seconds(10)) == .signalled(number: 9, coreDumped: false)
            )
        }

        @Test("A signal to a child that has ended goes nowhere")
        func signalAfterEnd() throws {
            let child = try ChildProcess.spawn(shell(""))
            _ = child.wait()
            #expect(!child.send(signal: SIGKILL))
            child.terminate(grace: .seconds(1))
            #expect(child.exitStatus == .exited(code: 0))
        }

        @Test("A child that heeds the request ends by its own means within the grace period")
        func politeEnd() throws {
            var pipe = try Pipe()
            let child = try ChildProcess.spawn(
                shell(
                    "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done",
                    output: .descriptor(pipe.writeEnd)
                )
            )
            var byte: UInt8 = 0
            #expect(read(pipe.readEnd, &byte, 1) == 1)
            child.terminate(grace: .seconds(30))
            #expect(child.wait(timeout: .seconds(20)) == .exited(code: 7))
            pipe.closeWriteEnd()
        }

        @Test("A child that ignores the request is killed after the grace period")
        func forcedEnd() throws {
            var pipe = try Pipe()
            let child = try ChildProcess.spawn(
                shell(
                    "trap '' TERM; echo ready; while :; do sleep 0.01; done",
                    output: .descriptor(pipe.writeEnd)
                )
            )
            var byte: UInt8 = 0
            #expect(read(pipe.readEnd, &byte, 1) == 1)
            child.terminate(grace: .milliseconds(100))
            #expect(child.wait(timeout: .milliseconds(30)) == nil)
            #expect(
                child.wait(timeout: .seconds(10)) == .signalled(number: 9, coreDumped: false)
            )
            pipe.closeWriteEnd()
        }

        @Test("A child that is stopped ends too when it is asked to")
        func stoppedChild() throws {
            let child = try ChildProcess.spawn(
                ChildCommand(executable: "/bin/sleep", arguments: ["30"])
            )
            child.send(signal: SIGSTOP)
            var information = siginfo_t()
            let isStopped = waitid(
                P_PID,
                id_t(child.processID),
                &information,
                WSTOPPED | WNOWAIT
            )
            #expect(isStopped == 0)
            child.terminate(grace: .seconds(30))
            #expect(
                child.wait(timeout: .seconds(10)) == .signalled(number: 15, coreDumped: false)
            )
        }

        @Test("Ending the leader of a process group ends what it has started")
        func groupEnd() throws {
            var pipe = try Pipe()
            var command = shell(
                "sleep 30 & echo $!; wait",
                output: .descriptor(pipe.writeEnd)
            )
            command.ownProcessGroup = true
            let child = try ChildProcess.spawn(command)
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = read(pipe.readEnd, &bytes, bytes.count)
            child.terminate(grace: .seconds(10))
            #expect(child.wait() == .signalled(number: 15, coreDumped: false))
            #expect(count > 1)
            // The pipe hangs up only when the grandchild, which holds it too, is gone.
            pipe.closeWriteEnd()
            var watched = pollfd(fd: pipe.readEnd, events: 0, revents: 0)
            #expect(poll(&watched, 1, 10_000) == 1)
        }

        @Test("Many children that end at once are all collected, each with its own status")
        func many() throws {
            let children = try (0..<60).map { number in
                try ChildProcess.spawn(shell("exit \(number)"))
            }
            for (number, child) in children.enumerated() {
                #expect(child.wait(timeout: .seconds(30)) == .exited(code: Int32(number)))
            }
        }

        /// One child that runs, one nobody holds on to, and two that cannot be started.
        private static func startAndFail() throws {
            let pipe = try Pipe()
            var command = shell("exit 4", inherited: [.init(parent: pipe.readEnd, child: 9)])
            command.lifelineDescriptor = 3
            #expect(try ChildProcess.spawn(command).wait() == .exited(code: 4))
            command.executable = "/nowhere/x"
            #expect(throws: ChildProcessError.self) { try ChildProcess.spawn(command) }
            command.standardOutput = .descriptor(9999)
            #expect(throws: ChildProcessError.self) { try ChildProcess.spawn(command) }
            _ = try ChildProcess.spawn(shell("exit 5"))
        }

        private static func startRepeatedly() throws {
            try startAndFail()
            let before = OpenDescriptors.numbers()
            for _ in 0..<10 {
                try startAndFail()
            }
            #expect(eventually { OpenDescriptors.numbers() == before })
            #expect(eventually { waitpid(-1, nil, WNOHANG) == -1 && errno == ECHILD })
        }

        @Test("Children leave neither descriptors nor zombies behind, failures to start neither")
        func nothingLeft() async {
            await #expect(processExitsWith: .success) {
                try Self.startRepeatedly()
            }
        }

        @Test("Other code in the process keeps its own children, and ours are still collected")
        func foreignChildren() async {
            await #expect(processExitsWith: .success) {
                var foreign: pid_t = 0
                var arguments: [UnsafeMutablePointer<CChar>?] = [
                    strdup("sh"), strdup("-c"), strdup("exit 9"), nil,
                ]
                #expect(posix_spawn(&foreign, "/bin/sh", nil, nil, &arguments, nil) == 0)
                let ours = try ChildProcess.spawn(shell("sleep 0.1; exit 8"))
                #expect(ours.wait(timeout: .seconds(10)) == .exited(code: 8))
                var status: Int32 = 0
                #expect(waitpid(foreign, &status, 0) == foreign)
                #expect(ExitStatus(waitStatus: status) == .exited(code: 9))
            }
        }

        @Test("A status that other code collects is reported as unknown, not waited for for ever")
        func stolenStatus() async {
            await #expect(processExitsWith: .success) {
                let child = try ChildProcess.spawn(shell("kill -STOP $$; exit 1"))
                var status: Int32 = 0
                _ = waitpid(child.processID, &status, WUNTRACED)
                // Whoever comes first gets the status; the other must not hang.
                child.send(signal: SIGCONT)
                let taken = waitpid(child.processID, &status, 0) == child.processID
                let seen = child.wait(timeout: .seconds(10))
                #expect(seen == (taken ? .unknown : .exited(code: 1)))
            }
        }

        @Test("Statuses arrive although the launcher ignored the end of children")
        func ignoredChildSignal() async {
            await #expect(processExitsWith: .success) {
                signal(SIGCHLD, SIG_IGN)
                let child = try ChildProcess.spawn(shell("sleep 0.05; exit 6"))
                #expect(child.wait(timeout: .seconds(10)) == .exited(code: 6))
            }
        }
    }
}
