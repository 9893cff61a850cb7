/// A signal that a program answers by its own means, by the kernel's number.
package enum WatchedSignal: Int32, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// SIGHUP: the terminal is gone.
    case hangup = 1

    /// SIGINT: Ctrl-C.
    case interrupt = 2

    /// SIGUSR1: batch systems announce the end of a job's time with it.
    case user1 = 10

    /// SIGTERM: the polite request to end.
    case terminate = 15

    /// The status of a program that ends because of the signal: 128 plus its number.
    package var exitCode: Int32 { 128 + rawValue }

    package var description: String { ExitStatus.signalName(rawValue) ?? "signal \(rawValue)" }
}
