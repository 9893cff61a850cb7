import Glibc

/// The place where fault tests make the fit of a chosen perturbation go wrong.
///
/// `CRISPYX_FAIL_FIT=7` kills every worker process that begins to fit row 7 of the result;
/// `CRISPYX_FAIL_FIT=3=abort,7=error,11=hang` gives several rows each a fault of its own.
/// `CRISPYX_FAIL_FIT=7:/path` does so only while a file of that path can be removed, so that a test
/// bounds the number of faults by the number of files and sees that they fired.
/// `CRISPYX_SLOW_FIT=20` makes every fit wait for 20 ms first, without using a processor.
enum FitFailPoint {
    /// What goes wrong.
    private enum Fault: String {
        /// Killed from outside, as by the kernel.
        case kill
        /// Ends by a failed check, as after a bug in the program.
        case abort
        /// Ends by touching memory that is not there.
        case crash
        /// Ends with a status of its own.
        case exit
        /// Never ends.
        case hang
        /// The fit reports that it failed.
        case error
        /// Takes memory until the kernel steps in; one gigabyte at most, then it exits.
        case memory
    }

    private static let armed: (faults: [UInt32: Fault], tokenPath: String?)? = {
        guard let value = getenv("CRISPYX_FAIL_FIT") else { return nil }
        let parts = String(cString: value).split(separator: ":", maxSplits: 1)
        var faults: [UInt32: Fault] = [:]
        for rule in (parts.first ?? "").split(separator: ",") {
            let words = rule.split(separator: "=", maxSplits: 1)
            guard let row = words.first.flatMap({ UInt32($0) }) else { return nil }
            let fault = words.count > 1 ? Fault(rawValue: String(words[1])) : .kill
            guard let fault else { return nil }
            faults[row] = fault
        }
        return (faults, parts.count > 1 ? String(parts[1]) : nil)
    }()

    private static let pauseMicroseconds: UInt32 = {
        guard let value = getenv("CRISPYX_SLOW_FIT") else { return 0 }
        return UInt32(String(cString: value)).map { min($0, 60_000) * 1000 } ?? 0
    }()

    /// Passes the place; perhaps the last thing the process does.
    ///
    /// - Throws: `WorkerFailure` when the fit is to fail.
    static func pass(_ perturbation: UInt32) throws(WorkerFailure) {
        if pauseMicroseconds > 0 { usleep(pauseMicroseconds) }
        guard let armed, let fault = armed.faults[perturbation] else { return }
        if let path = armed.tokenPath, unlink(path) != 0 { return }
        switch fault {
        case .kill: Glibc.kill(getpid(), SIGKILL)
        case .abort: end(by: SIGABRT)
        case .crash: end(by: SIGSEGV)
        case .exit: _exit(1)
        case .hang: while true { sleep(3600) }
        case .error: throw WorkerFailure("the fit was told to fail")
        case .memory: takeMemory()
        }
    }

    /// The signal's own effect, without the runtime's report of it, which takes seconds.
    private static func end(by number: Int32) {
        signal(number, SIG_DFL)
        raise(number)
    }

    private static func takeMemory() -> Never {
        let size = 8 << 20
        for _ in 0..<128 {
            let flags = MAP_PRIVATE | MAP_ANONYMOUS
            let memory = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0)
            if let memory, memory != MAP_FAILED { memset(memory, 1, size) }
        }
        _exit(1)
    }
}
