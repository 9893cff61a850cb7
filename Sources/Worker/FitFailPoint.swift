import Glibc

/// The place where fault tests make a worker die while it fits a chosen perturbation.
///
/// `CRISPYX_FAIL_FIT=7` kills every worker process that begins to fit row 7 of the result;
/// `CRISPYX_FAIL_FIT=7:/path` does so only while a file of that path can be removed, so that a test
/// bounds the number of deaths by the number of files and sees that the fault fired.
enum FitFailPoint {
    private static let armed: (perturbation: UInt32, tokenPath: String?)? = {
        guard let value = getenv("CRISPYX_FAIL_FIT") else { return nil }
        let parts = String(cString: value).split(separator: ":", maxSplits: 1)
        guard let first = parts.first, let perturbation = UInt32(first) else { return nil }
        return (perturbation, parts.count > 1 ? String(parts[1]) : nil)
    }()

    /// Passes the place; the last thing the process does when it is armed for the perturbation.
    static func pass(_ perturbation: UInt32) {
        guard let armed, armed.perturbation == perturbation else { return }
        if let path = armed.tokenPath, unlink(path) != 0 { return }
        kill(getpid(), SIGKILL)
    }
}
