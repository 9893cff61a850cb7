internal import Foundation

extension RunStatus {
    /// Longest JSON that is read, bytes; the longest that is written lies far below.
    package static let longestJSON = 16 << 20

    /// The status as JSON with sorted keys in `snake_case`.
    ///
    /// - Parameter pretty: Whether it is spread over lines for people.
    /// - Returns: UTF-8 text that ends with a line's end.
    /// - Throws: ``MonitoringError/notEncodable``, which no status should cause.
    package func json(pretty: Bool = false) throws(MonitoringError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity",
            negativeInfinity: "-Infinity",
            nan: "NaN"
        )
        guard let data = try? encoder.encode(self) else { throw .notEncodable }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    /// Reads what ``json(pretty:)`` writes, also of a newer release that has more fields.
    ///
    /// - Throws: ``MonitoringError/notAStatus`` for anything else.
    package init(json bytes: [UInt8]) throws(MonitoringError) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity",
            negativeInfinity: "-Infinity",
            nan: "NaN"
        )
        guard bytes.count <= Self.longestJSON,
            let status = try? decoder.decode(Self.self, from: Data(bytes))
        else { throw .notAStatus }
        self = status
    }
}
