import ComputeThreads
import Glibc
import Synchronization

/// Places where fault tests make the process die or wait, named by the environment.
///
/// `CRISPYX_FAIL=rows-saved:3` kills the process the third time it passes that place.
/// `CRISPYX_HOLD=reading:/path` makes a file of that path the first time the process passes the
/// place and waits until somebody removes it, so that a test can change the world meanwhile and
/// sees that it did. Without the variables a place costs two comparisons.
enum FailPoint {
    private static let deadly: (name: String, pass: Int)? = {
        guard let (name, rest) = parts(of: "CRISPYX_FAIL"), let pass = Int(rest) else { return nil }
        return (name, pass)
    }()
    private static let held: (name: String, path: String)? = parts(of: "CRISPYX_HOLD").map {
        (name: $0.name, path: $0.rest)
    }
    private static let passes = Atomic<Int>(0)
    private static let wasHeld = Atomic<Bool>(false)

    /// Passes a place; the last thing the process does when the place is deadly and it is its turn.
    static func pass(_ name: String) {
        if let held, held.name == name, !wasHeld.exchange(true, ordering: .relaxed) {
            wait(held.path)
        }
        guard let deadly, deadly.name == name else { return }
        if passes.wrappingAdd(1, ordering: .relaxed).newValue == deadly.pass {
            kill(getpid(), SIGKILL)
        }
    }

    private static func wait(_ path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        close(descriptor)
        while access(path, F_OK) == 0 { usleep(2000) }
    }

    private static func parts(of variable: String) -> (name: String, rest: String)? {
        guard let value = getenv(variable) else { return nil }
        let parts = String(cString: value).split(separator: ":", maxSplits: 1)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }
}
