internal import Glibc

/// What can go wrong when child processes are started and signals or parents are watched.
///
/// Codes are `errno` values.
package enum ChildProcessError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The executable is missing, is not one, or the machine is out of processes or memory.
    case cannotStart(executable: String, code: Int32)

    /// An argument, a variable or the executable's name holds a zero byte, which would cut it
    /// short.
    case containsZeroByte(text: String)

    /// A child descriptor number is negative, too high, or assigned twice.
    case badChildDescriptor(number: Int32)

    /// A descriptor of this process that should be passed on or watched is not open.
    case descriptorNotOpen(number: Int32, code: Int32)

    /// No pipe could be made between this process and the child.
    case cannotMakePipe(code: Int32)

    /// The machine gave no thread.
    case cannotStartThread(purpose: String, code: Int32)

    /// The path of the running program could not be read.
    case executablePathUnknown(code: Int32)

    /// A program that belongs beside the running one is not there or may not be executed.
    case siblingMissing(path: String, code: Int32)

    /// Another `SignalWatch` is active; a process has one.
    case signalsAlreadyWatched

    package var description: String {
        switch self {
        case .cannotStart(let executable, let code):
            "cannot start \(executable): \(Self.text(code))"
        case .containsZeroByte(let text):
            "cannot start a program: \(text.debugDescription) holds a zero byte"
        case .badChildDescriptor(let number):
            "descriptor \(number) of a child: assigned twice, negative, or above "
                + "\(ChildCommand.highestDescriptor)"
        case .descriptorNotOpen(let number, let code):
            "descriptor \(number): \(Self.text(code))"
        case .cannotMakePipe(let code):
            "cannot make a pipe to a child: \(Self.text(code)); "
                + "the limit of open files (ulimit -n) may be too low"
        case .cannotStartThread(let purpose, let code):
            "cannot start the thread that \(purpose): \(Self.text(code)); "
                + "the limit of processes (ulimit -u) may be too low"
        case .executablePathUnknown(let code):
            "/proc/self/exe: \(Self.text(code)); is /proc mounted?"
        case .siblingMissing(let path, let code):
            "\(path): \(Self.text(code)); install both programs in one directory"
        case .signalsAlreadyWatched:
            "signals are already watched in this process; stop that watch first"
        }
    }

    private static func text(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "errno \(code)" }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
    }
}
