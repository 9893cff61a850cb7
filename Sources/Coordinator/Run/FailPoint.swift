import ComputeThreads
import Glibc
import Synchronization

/// Places where fault tests make the process die, named by the environment.
///
/// `CRISPYX_FAIL=rows-saved:3` kills the process the third time it passes that place. Without the
/// variable a place costs one comparison.
enum FailPoint {
    private static let armed: (name: String, pass: Int)? = {
        guard let value = getenv("CRISPYX_FAIL") else { return nil }
        let parts = String(cString: value).split(separator: ":")
        guard parts.count == 2, let pass = Int(parts[1]) else { return nil }
        return (String(parts[0]), pass)
    }()
    private static let passes = Atomic<Int>(0)

    /// Passes a place; the last thing the process does when the place is armed and it is its turn.
    static func pass(_ name: String) {
        guard let armed, armed.name == name else { return }
        if passes.wrappingAdd(1, ordering: .relaxed).newValue == armed.pass {
            kill(getpid(), SIGKILL)
        }
    }
}
