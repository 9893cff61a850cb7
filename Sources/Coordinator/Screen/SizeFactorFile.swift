import Foundation

/// Size factors that the user computed elsewhere.
package enum SizeFactorFile {
    /// Reads one number a line; blank lines and lines that start with `#` are skipped.
    ///
    /// `nan` stands for a cell whose factor is to be the median of the others.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - cellCount: Cells of the screen: one number is needed for each, in file order.
    /// - Returns: The factors in file order.
    /// - Throws: ``RunFailure`` naming the line that is no number, or the two counts.
    package static func read(_ path: String, cellCount: Int) throws(RunFailure) -> [Double] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunFailure(.noInput, "\(path): cannot read the size factors")
        }
        var values: [Double] = []
        let lines = String(decoding: data, as: UTF8.self).split(
            omittingEmptySubsequences: false,
            whereSeparator: \.isNewline
        )
        for (number, line) in lines.enumerated() {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty || text.hasPrefix("#") { continue }
            guard let value = Double(text) else {
                throw RunFailure(
                    .badInput,
                    "\(path), line \(number + 1): '\(text)' is no size factor"
                )
            }
            values.append(value)
        }
        guard values.count == cellCount else {
            throw RunFailure(
                .badInput,
                "\(path): \(values.count) size factors for \(cellCount) cells; give one a line "
                    + "for every cell of the file, in file order"
            )
        }
        guard values.contains(where: { $0.isFinite && $0 > 0 }) else {
            throw RunFailure(.badInput, "\(path): no size factor is finite and positive")
        }
        return values
    }
}
