/// A value of `uns`, the part of an AnnData file for everything that is no matrix or table.
package indirect enum UnsValue: Sendable, Equatable {
    /// A text.
    case string(String)
    /// A whole number.
    case integer(Int64)
    /// A number.
    case double(Double)
    /// True or false.
    case boolean(Bool)
    /// A list of texts.
    case strings([String])
    /// A list of numbers.
    case doubles([Double])
    /// Values under names, in the order in which they are written.
    case dictionary([(String, UnsValue)])

    package static func == (left: UnsValue, right: UnsValue) -> Bool {
        switch (left, right) {
        case (.string(let left), .string(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.boolean(let left), .boolean(let right)): left == right
        case (.strings(let left), .strings(let right)): left == right
        case (.doubles(let left), .doubles(let right)): left == right
        case (.dictionary(let left), .dictionary(let right)):
            left.elementsEqual(right) { $0.0 == $1.0 && $0.1 == $1.1 }
        default: false
        }
    }

    /// The value under a name of a dictionary; nil when there is none or this is no dictionary.
    package subscript(name: String) -> UnsValue? {
        guard case .dictionary(let entries) = self else { return nil }
        return entries.first { $0.0 == name }?.1
    }

    /// Checks that every name can be the name of a link.
    ///
    /// - Throws: ``AnnDataWriteError/invalidName(element:name:problem:)`` or `.invalidLayout`.
    static func check(
        _ entries: [(String, UnsValue)],
        in element: String
    ) throws(AnnDataWriteError) {
        try LinkName.check(entries.map { $0.0 }, in: element)
        for (name, value) in entries {
            guard case .dictionary(let inner) = value else { continue }
            try check(inner, in: element + "/" + name)
        }
    }
}

/// Names of groups and datasets.
enum LinkName {
    /// Why a text cannot be the name of a group or dataset; nil when it can.
    static func problem(_ name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name == "." || name == ".." { return "it stands for a place" }
        if name.utf8.contains(UInt8(ascii: "/")) { return "it contains '/'" }
        if name.utf8.contains(0) { return "it contains a zero byte" }
        return nil
    }

    /// Checks that names are possible and different from each other.
    static func check(_ names: [String], in element: String) throws(AnnDataWriteError) {
        var seen: Set<String> = []
        for name in names {
            if let problem = problem(name) {
                throw .invalidName(element: element, name: name, problem: problem)
            }
            guard seen.insert(name).inserted else {
                throw .invalidName(element: element, name: name, problem: "it occurs twice")
            }
        }
    }
}
