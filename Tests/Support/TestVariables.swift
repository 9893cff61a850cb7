import Foundation

/// What long test runs are told by environment variables.
package enum TestVariables {
    /// A whole number above 0; nil when the variable is not set or is something else.
    package static func number(_ name: String) -> Int? {
        guard let text = ProcessInfo.processInfo.environment[name], let number = Int(text),
            number > 0
        else { return nil }
        return number
    }
}
