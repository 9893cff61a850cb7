import ChildProcesses
import Foundation
import Testing

extension ChildProcessesTests {
    @Suite("Starting")
    struct SpawnTests {
        @Test("Arguments arrive as they are, with spaces, quotes and nothing in them")
        func arguments() throws {
            var pipe = try Pipe()
            let child = try ChildProcess.spawn(
                ChildCommand(
                    executable: "/bin/sh",
                    arguments: ["-c", #"printf '[%s]' "$@""#, "sh", "a b", "", "'\"$x", "é"],
                    standardOutput: .descriptor(pipe.writeEnd)
                )
            )
            #expect(pipe.text() == #"[a b][]['"$x][é]"#)
            #expect(child.wait() == .exited(code: 0))
        }

        @Test("A name without a slash is looked up in PATH")
        func path() throws {
            #expect(try ChildProcess.spawn(ChildCommand(executable: "true")).wait().isSuccess)
        }

        @Test("The environment is this process's own or exactly the one given")
        func environment() throws {
            var pipe = try Pipe()
            var command = shell("echo $HOME", output: .descriptor(pipe.writeEnd))
            try ChildProcess.spawn(command).wait()
            #expect(pipe.text() == (ProcessInfo.processInfo.environment["HOME"] ?? "") + "\n")

            var second = try Pipe()
            command = shell("echo $HOME$GIVEN", output: .descriptor(second.writeEnd))
            command.environment = ["GIVEN": "x=y"]
            try ChildProcess.spawn(command).wait()
            #expect(second.text() == "x=y\n")
        }

        @Test("Output, errors and input lead where they were sent")
        func streams() throws {
            var output = try Pipe()
            var errors = try Pipe()
            var input = try Pipe()
            var command = shell("read line; echo got $line; echo bad >&2")
            command.standardInput = .descriptor(input.readEnd)
            command.standardOutput = .descriptor(output.writeEnd)
            command.standardError = .descriptor(errors.writeEnd)
            let child = try ChildProcess.spawn(command)
            let line = Array("token\n".utf8)
            #expect(write(input.writeEnd, line, line.count) == line.count)
            input.closeWriteEnd()
            #expect(output.text() == "got token\n")
            #expect(errors.text() == "bad\n")
            #expect(child.wait().isSuccess)
        }

        @Test("A child has its streams and what it was given, and nothing else")
        func onlyWhatIsGiven() throws {
            let pipe = try Pipe()
            // A descriptor that would survive exec, as careless code leaves them.
            let careless = dup(pipe.readEnd)
            defer { close(careless) }
            var command = ChildCommand(executable: "/bin/sleep", arguments: ["30"])
            command.standardOutput = .null
            command.standardError = .null
            let bare = try ChildProcess.spawn(command)
            command.inherited = [.init(parent: pipe.writeEnd, child: 7)]
            command.lifelineDescriptor = 5
            let given = try ChildProcess.spawn(command)
            // The dynamic linker has libraries open for a moment.
            #expect(eventually { OpenDescriptors.numbers(of: bare.processID) == [0, 1, 2] })
            #expect(eventually { OpenDescriptors.numbers(of: given.processID) == [0, 1, 2, 5, 7] })
            for child in [bare, given] {
                child.send(signal: SIGKILL)
                _ = child.wait()
            }
        }

        @Test("Many descriptors arrive where they should, whatever numbers are free here")
        func manyDescriptors() throws {
            var even = try Pipe()
            var odd = try Pipe()
            let numbers = Array(3...60 as ClosedRange<Int32>)
            let child = try ChildProcess.spawn(
                shell(
                    "n=3; while [ $n -le 60 ]; do echo $n >/proc/self/fd/$n; n=$((n+1)); done",
                    inherited: numbers.map { number in
                        .init(
                            parent: number.isMultiple(of: 2) ? even.writeEnd : odd.writeEnd,
                            child: number
                        )
                    }
                )
            )
            #expect(child.wait().isSuccess)
            let lines = numbers.map { "\($0)\n" }
            #expect(odd.text() == stride(from: 0, to: 58, by: 2).map { lines[$0] }.joined())
            #expect(even.text() == stride(from: 1, to: 58, by: 2).map { lines[$0] }.joined())
        }

        @Test("Descriptors that trade numbers arrive where they should")
        func crossedDescriptors() throws {
            var first = try Pipe()
            var second = try Pipe()
            let (one, two) = (first.writeEnd, second.writeEnd)
            let child = try ChildProcess.spawn(
                shell(
                    "echo to-first >/proc/self/fd/\(two); echo to-second >/proc/self/fd/\(one)",
                    inherited: [.init(parent: one, child: two), .init(parent: two, child: one)]
                )
            )
            #expect(child.wait().isSuccess)
            #expect(first.text() == "to-first\n")
            #expect(second.text() == "to-second\n")
        }

        @Test("A program that is missing or none is an error that names it")
        func cannotStart() {
            #expect(
                throws: ChildProcessError.cannotStart(executable: "/nowhere/x", code: ENOENT)
            ) {
                try ChildProcess.spawn(ChildCommand(executable: "/nowhere/x"))
            }
            #expect(
                throws: ChildProcessError.cannotStart(executable: "/etc/passwd", code: EACCES)
            ) {
                try ChildProcess.spawn(ChildCommand(executable: "/etc/passwd"))
            }
            #expect(
                ChildProcessError.cannotStart(executable: "/nowhere/x", code: ENOENT).description
                    == "cannot start /nowhere/x: No such file or directory"
            )
        }

        @Test("Descriptors that cannot be passed on are errors that name them")
        func badDescriptors() throws {
            let pipe = try Pipe()
            for number in [-1, 2, 256] as [Int32] {
                #expect(throws: ChildProcessError.badChildDescriptor(number: number)) {
                    try ChildProcess.spawn(
                        shell("", inherited: [.init(parent: pipe.readEnd, child: number)])
                    )
                }
            }
            #expect(throws: ChildProcessError.badChildDescriptor(number: 4)) {
                var command = shell("", inherited: [.init(parent: pipe.readEnd, child: 4)])
                command.lifelineDescriptor = 4
                _ = try ChildProcess.spawn(command)
            }
            #expect(throws: ChildProcessError.descriptorNotOpen(number: 9999, code: EBADF)) {
                try ChildProcess.spawn(shell("", output: .descriptor(9999)))
            }
        }

        @Test("A zero byte in an argument is refused rather than cutting it short")
        func zeroByte() {
            #expect(throws: ChildProcessError.containsZeroByte(text: "a\0b")) {
                try ChildProcess.spawn(ChildCommand(executable: "true", arguments: ["a\0b"]))
            }
        }

        @Test("A child blocks no signals and ignores none that this process ignores for itself")
        func signalState() async {
            await #expect(processExitsWith: .success) {
                signal(SIGPIPE, SIG_IGN)
                signal(SIGHUP, SIG_IGN)
                var set = sigset_t()
                sigfillset(&set)
                pthread_sigmask(SIG_SETMASK, &set, nil)
                var pipe = try Pipe()
                let child = try ChildProcess.spawn(
                    shell(
                        "while read name value; do case $name in SigBlk:|SigIgn:) "
                            + "echo $name $value;; esac; done </proc/self/status",
                        output: .descriptor(pipe.writeEnd)
                    )
                )
                let words = pipe.text().split { $0 == " " || $0 == "\n" }
                #expect(words.first == "SigBlk:" && Int(words[1], radix: 16) == 0)
                // The C library keeps signals 32 and 33 to itself and leaves them ignored.
                let ignored = try #require(Int(words[3], radix: 16)) & 0x7fff_ffff
                #expect(ignored == 1 << (SIGHUP - 1))
                #expect(child.wait().isSuccess)
            }
        }

        @Test("A child leads a process group of its own only when asked")
        func processGroup() throws {
            var command = ChildCommand(executable: "/bin/sleep", arguments: ["30"])
            let ordinary = try ChildProcess.spawn(command)
            command.ownProcessGroup = true
            let leader = try ChildProcess.spawn(command)
            #expect(getpgid(ordinary.processID) == getpgid(0))
            #expect(getpgid(leader.processID) == leader.processID)
            for child in [ordinary, leader] {
                child.send(signal: SIGKILL)
                _ = child.wait()
            }
        }
    }
}
