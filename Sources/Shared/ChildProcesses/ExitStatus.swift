/// How a process ended.
package enum ExitStatus: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// It ended by itself with this status, 0...255.
    case exited(code: Int32)

    /// A signal ended it.
    case signalled(number: Int32, coreDumped: Bool)

    /// It has ended, but other code in this process collected its status.
    case unknown

    /// Reads the status word that `waitpid` fills in for a process that has ended.
    package init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self =
            signal == 0
            ? .exited(code: waitStatus >> 8 & 0xff)
            : .signalled(number: signal, coreDumped: waitStatus & 0x80 != 0)
    }

    /// Whether the process ended by itself with status 0.
    package var isSuccess: Bool { self == .exited(code: 0) }

    /// Whether the process was killed, as the kernel does for want of memory.
    package var isKill: Bool {
        if case .signalled(number: 9, _) = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .exited(let code):
            return "exited with status \(code)"
        case .signalled(let number, let coreDumped):
            let name = Self.signalName(number).map { " (\($0))" } ?? ""
            return "killed by signal \(number)\(name)" + (coreDumped ? ", core dumped" : "")
        case .unknown:
            return "ended with a status that was collected elsewhere"
        }
    }

    /// The name of a signal as Linux numbers them on x86-64 and ARM, such as `SIGKILL` for 9.
    ///
    /// - Returns: nil for real-time signals and for numbers that are none.
    package static func signalName(_ number: Int32) -> String? {
        let names = [
            "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
            "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
            "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
        ]
        return (1...names.count).contains(Int(number)) ? "SIG" + names[Int(number) - 1] : nil
    }
}
