internal import HDF5

/// The elements of the AnnData format, each with the attributes that make readers accept it
/// without a warning.
extension HDF5Group {
    /// Creates the root's encoding.
    func markAsAnnData() throws(HDF5Error) {
        try setEncoding("anndata", "0.1.0")
    }

    /// Creates an empty dictionary.
    func createDictionary(_ name: String) throws(HDF5Error) -> HDF5Group {
        let group = try createGroup(name)
        try group.setEncoding("dict", "0.1.0")
        return group
    }

    /// Writes a dictionary and everything in it.
    func writeDictionary(_ name: String, _ entries: [(String, UnsValue)]) throws(HDF5Error) {
        let group = try createDictionary(name)
        for (name, value) in entries { try group.write(name, value) }
    }

    private func write(_ name: String, _ value: UnsValue) throws(HDF5Error) {
        switch value {
        case .string(let text):
            try writeScalar(name, text).setEncoding("string", "0.2.0")
        case .integer(let number):
            try writeScalar(name, number).setEncoding("numeric-scalar", "0.2.0")
        case .double(let number):
            try writeScalar(name, number).setEncoding("numeric-scalar", "0.2.0")
        case .boolean(let flag):
            try writeScalar(name, flag).setEncoding("numeric-scalar", "0.2.0")
        case .strings(let texts):
            try writeStringArray(name, texts)
        case .doubles(let numbers):
            try writeArray(name, numbers)
        case .dictionary(let entries):
            try writeDictionary(name, entries)
        }
    }

    /// Creates a table whose index is the column `index`.
    ///
    /// The caller writes the columns of `order`, unless the index is one of them.
    func createDataframe(
        _ name: String,
        index: String,
        values: [String],
        order: [String]
    ) throws(HDF5Error) -> HDF5Group {
        let group = try createGroup(name)
        try group.setEncoding("dataframe", "0.2.0")
        try group.setAttribute("_index", index)
        try group.setAttribute("column-order", order)
        try group.writeStringArray(index, values)
        return group
    }

    /// Writes a list of texts.
    func writeStringArray(_ name: String, _ texts: [String]) throws(HDF5Error) {
        try writeTexts(name, texts).setEncoding("string-array", "0.2.0")
    }

    /// Writes an array of numbers.
    func writeArray<T: HDF5Scalar>(
        _ name: String,
        _ values: [T],
        shape: [Int]? = nil
    ) throws(HDF5Error) {
        try writeNumbers(name, values, shape: shape).setEncoding("array", "0.2.0")
    }

    /// Writes a categorical column; a code is a position in `categories`, or -1 for a missing value.
    ///
    /// - Returns: The dataset of the codes.
    @discardableResult
    func writeCategorical<T: HDF5Scalar>(
        _ name: String,
        codes: [T],
        categories: [String]
    ) throws(HDF5Error) -> HDF5Dataset {
        let group = try createGroup(name)
        try group.setEncoding("categorical", "0.2.0")
        try group.setAttribute("ordered", false)
        let dataset = try group.writeNumbers("codes", codes)
        try dataset.setEncoding("array", "0.2.0")
        try group.writeStringArray("categories", categories)
        return dataset
    }
}

extension HDF5Object {
    /// Says which kind of element this is.
    func setEncoding(_ type: String, _ version: String) throws(HDF5Error) {
        try setAttribute("encoding-type", type)
        try setAttribute("encoding-version", version)
    }
}
